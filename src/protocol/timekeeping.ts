/**
 * What servers tell each other about time and who leads in it, on the peer channel: envelopes `{service: type, data}` like
 * those of replication. Every one names the view that it is about; the election's term is that view's number.
 */
import { type Data, isMap } from './envelope.ts'
import { type Instance, isCount, isViewId, type Rank, type ViewId } from './replica.ts'

/** A higher ballot supersedes a lower one; no two servers use the same. */
export type Ballot = number
export type Accepted = { ballot: Ballot; coordinator: Rank }

type About = { view: ViewId }
/** Is there anybody below me, and may I lead? */
export type ElectionMessage = About & { type: 'election'; ballot: Ballot }
/** The answer: OK when `promised` is the ballot, otherwise refused for a higher one. */
export type VoteMessage = About & { type: 'vote'; ballot: Ballot; promised: Ballot; accepted: Accepted | null }
/** Most have voted for my ballot: let this one be the coordinator. */
export type ClaimMessage = About & { type: 'claim'; ballot: Ballot; coordinator: Rank }
export type ConsentMessage = About & { type: 'consent'; ballot: Ballot }
/** Most have consented: this one is the coordinator. */
export type ElectedMessage = About & { type: 'elected'; coordinator: Rank }
export type ClockMessage = About & { type: 'clock'; round: number; question: number }
/** A clock's reading; core/physical.ts says what each field means. */
export type TimeMessage = About & {
  type: 'time'
  question: number
  raw: number
  adjust: number
  wants: number
  fresh: boolean
  epoch: number
  driftBound: number
}
/** Where a clock is to go: raw + goal is the agreed time; how wrong that may be: half + ppm of the raw time since. */
export type CorrectMessage = About & {
  type: 'correct'
  round: number
  goal: number
  epoch: number
  half: number
  ppm: number
  since: number
}

export type TimekeepingMessage =
  | ElectionMessage
  | VoteMessage
  | ClaimMessage
  | ConsentMessage
  | ElectedMessage
  | ClockMessage
  | TimeMessage
  | CorrectMessage

export type Sender = { rank: Rank; instance: Instance; clock: number }
export type TimekeepingEnvelope = { from: Sender; message: TimekeepingMessage }

/** The envelope of a message. @param timestamp ms */
export function timekeepingEnvelope(
  { from, message }: TimekeepingEnvelope,
  timestamp: number,
): { service: string; data: Data } {
  const { type, ...data } = message
  // What other languages' servers look at, in the course's words.
  const course = type === 'vote' ? { election: 'OK' } : type === 'time' ? { time: message.raw } : {}
  return { service: type, data: { ...course, ...data, ...from, timestamp } }
}

/** Reads a decoded envelope; null when it is not a well-formed message about time. */
export function readTimekeeping(value: unknown): TimekeepingEnvelope | null {
  if (!isMap(value) || !isMap(value.data) || typeof value.service !== 'string') return null
  const { data } = value
  const { rank, instance, clock, view } = data
  if (!isCount(rank) || rank < 1 || typeof instance !== 'string' || !isCount(clock) || !isViewId(view)) return null
  const message = readMessage(value.service, data, { number: view.number, nonce: view.nonce })
  return message === null ? null : { from: { rank: rank as Rank, instance: instance as Instance, clock }, message }
}

function readMessage(type: string, data: Data, view: ViewId): TimekeepingMessage | null {
  const { ballot, promised, accepted, coordinator } = data
  switch (type) {
    case 'election':
    case 'consent':
      return isBallot(ballot) ? { type, view, ballot } : null
    case 'vote':
      return isBallot(ballot) && isBallot(promised) && (accepted === null || isAccepted(accepted))
        ? { type, view, ballot, promised, accepted }
        : null
    case 'claim':
      return isBallot(ballot) && isRank(coordinator) ? { type, view, ballot, coordinator } : null
    case 'elected':
      return isRank(coordinator) ? { type, view, coordinator } : null
    case 'clock':
      return isCount(data.round) && isCount(data.question)
        ? { type, view, round: data.round, question: data.question }
        : null
    case 'time':
      return readTime(data, view)
    case 'correct':
      return readCorrect(data, view)
    default:
      return null
  }
}

function readTime({ question, raw, adjust, wants, fresh, epoch, driftBound }: Data, view: ViewId): TimeMessage | null {
  if (!isCount(question) || !isNumber(raw) || !isNumber(adjust) || !isNumber(wants)) return null
  if (typeof fresh !== 'boolean' || !isCount(epoch) || !isNumber(driftBound) || driftBound < 0) return null
  return { type: 'time', view, question, raw, adjust, wants, fresh, epoch, driftBound }
}

function readCorrect({ round, goal, epoch, half, ppm, since }: Data, view: ViewId): CorrectMessage | null {
  if (!isCount(round) || !isNumber(goal) || !isCount(epoch) || !isNumber(since)) return null
  if (!isNumber(half) || half < 0 || !isNumber(ppm) || ppm < 0) return null
  return { type: 'correct', view, round, goal, epoch, half, ppm, since }
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** No election goes on for that long. */
const MOST_BALLOT = 2 ** 40

const isBallot = (value: unknown): value is Ballot => isCount(value) && value <= MOST_BALLOT

const isRank = (value: unknown): value is Rank => isCount(value) && value >= 1

const isAccepted = (value: unknown): value is Accepted =>
  isMap(value) && isBallot(value.ballot) && isRank(value.coordinator)
