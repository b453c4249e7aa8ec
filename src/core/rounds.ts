/**
 * The coordinator's rounds. In each it asks every other member for its time, a few times, at most ROUND_MS long; then the
 * clocks that agree are averaged (berkeley.ts) and each member is sent its own correction, its own clock's included.
 *
 * A round begins every 5 s, or after 10 messages exchanged, at most twice a second; and every second while the first rounds
 * of a term run or a clock is still on its way, whose drift would otherwise show.
 *
 * Pure: the clock and the monotonic time are arguments.
 */
import type { Rank } from '../protocol/replica.ts'
import type { ClockMessage, CorrectMessage, TimeMessage } from '../protocol/timekeeping.ts'
import { type Agreement, agree, betterSample, type Clock, errorOf, type Sample, sampleOf } from './berkeley.ts'
import { correct, NEAR_MS, type PhysicalClock, type Reading, readingAt } from './physical.ts'

const ROUND_EVERY_MS = 5000
const ROUND_EVERY_MESSAGES = 10
const LEAST_BETWEEN_MS = 500
const UNSETTLED_MS = 1000
const FIRST_ROUNDS = 3
/** How long a round waits for who does not answer, and when it asks again. */
const ROUND_MS = 600
const AGAIN_MS = 250
/** Answers of each member in a round; fewer when earlier rounds have measured it well. */
const ANSWERS = 4
const ANSWERS_WHEN_SETTLED = 2

type Polled = {
  /** The best measurement, of this round or an earlier one. */
  sample: Sample | null
  latest: Reading | null
  asked: { question: number; raw: number; at: number } | null
  answers: number
}

export type Rounds = {
  readonly self: Rank
  /** The others, by rank. */
  readonly members: Map<Rank, Polled>
  /** The newest round, and when it began; running until it is concluded. */
  round: number
  beganAt: number
  running: boolean
  question: number
  concluded: number
  /** Messages since the last round began. */
  exchanged: number
  unsettled: boolean
  /** Own jumps so far: after one, measurements against the own clock mean nothing. */
  epoch: number
}

/** What a round found out of one member that answered. */
export type Finding = {
  rank: Rank
  /** How far its clock showed from the agreed time (or, without one, from the coordinator's), and how wrong that may be, ms. */
  offset: number
  error: number
  /** Of the answer that counts; null for the coordinator, who need not ask itself. */
  roundTrip: number | null
  /** By how much it is told to go elsewhere than it was going, ms; 0 when no correction was sent. */
  correction: number
}

export type Conclusion = { round: number; agreement: Agreement | null; findings: Finding[]; silent: Rank[] }

type Ask = Omit<ClockMessage, 'view'>
type Tell = Omit<CorrectMessage, 'view'>
export type RoundEffect =
  | { type: 'send'; to: Rank; message: Ask | Tell }
  | { type: 'concluded'; conclusion: Conclusion }

/** @param round the newest that this server has heard of: rounds count on through all coordinators */
export function createRounds(self: Rank, others: readonly Rank[], round: number): Rounds {
  const polled = (): Polled => ({ sample: null, latest: null, asked: null, answers: 0 })
  return {
    self,
    members: new Map([...others].sort((a, b) => a - b).map((rank) => [rank, polled()])),
    ...{ round, beganAt: Number.NEGATIVE_INFINITY, running: false, question: 0, concluded: 0 },
    ...{ exchanged: 0, unsettled: true, epoch: 0 },
  }
}

/** Lets time pass: begins, asks, concludes. To be called every 50 ms or so. */
export function tickRounds(r: Rounds, clock: PhysicalClock, now: number): RoundEffect[] {
  if (clock.epoch !== r.epoch) {
    r.epoch = clock.epoch
    for (const polled of r.members.values())
      Object.assign(polled, { sample: null, latest: null, asked: null, answers: 0 })
  }
  if (!r.running) {
    if (now - r.beganAt < pauseOf(r)) return []
    Object.assign(r, { running: true, beganAt: now, exchanged: 0, round: r.round + 1 })
    for (const polled of r.members.values()) Object.assign(polled, { answers: 0, asked: null })
  }
  const complete = [...r.members.values()].every(({ answers }) => answers >= answersWanted(r))
  return complete || now - r.beganAt >= ROUND_MS ? conclude(r, clock, now) : ask(r, clock, now)
}

/** Takes a member's answer. */
export function takeTime(r: Rounds, clock: PhysicalClock, from: Rank, message: TimeMessage, now: number): void {
  const polled = r.members.get(from)
  if (!polled?.asked || polled.asked.question !== message.question) return
  const { raw, adjust, wants, fresh, epoch, driftBound } = message
  const reading: Reading = { raw, adjust, wants, fresh, epoch, driftBound }
  if (polled.latest?.epoch !== epoch) polled.sample = null
  const own = readingAt(clock, now)
  const sample = sampleOf(reading, polled.asked.raw, own.raw, own.driftBound)
  polled.sample = betterSample(polled.sample, sample, own.raw)
  polled.latest = reading
  polled.asked = null
  polled.answers++
}

function pauseOf(r: Rounds): number {
  if (r.exchanged >= ROUND_EVERY_MESSAGES) return LEAST_BETWEEN_MS
  return isSettled(r) ? ROUND_EVERY_MS : UNSETTLED_MS
}

const answersWanted = (r: Rounds): number => (isSettled(r) ? ANSWERS_WHEN_SETTLED : ANSWERS)

const isSettled = (r: Rounds): boolean => r.concluded >= FIRST_ROUNDS && !r.unsettled

function ask(r: Rounds, clock: PhysicalClock, now: number): RoundEffect[] {
  const effects: RoundEffect[] = []
  for (const [to, polled] of r.members) {
    if (polled.answers >= answersWanted(r) || (polled.asked !== null && now - polled.asked.at < AGAIN_MS)) continue
    const question = ++r.question
    polled.asked = { question, raw: readingAt(clock, now).raw, at: now }
    effects.push({ type: 'send', to, message: { type: 'clock', round: r.round, question } })
  }
  return effects
}

type Measured = { clock: Clock; reading: Reading; sample: Sample }

function conclude(r: Rounds, clock: PhysicalClock, now: number): RoundEffect[] {
  r.running = false
  r.concluded++
  const own = readingAt(clock, now)
  const measured = new Map<Rank, Measured>()
  for (const [rank, { sample, latest, answers }] of r.members) {
    if (answers === 0 || sample === null || latest === null) continue
    const { offset } = sample
    const seen = { rank, shows: offset + latest.adjust, wants: offset + latest.wants, fresh: latest.fresh }
    measured.set(rank, { clock: seen, reading: latest, sample })
  }
  const { adjust, wants, fresh } = own
  const self: Clock = { rank: r.self, shows: adjust, wants, fresh }
  const clocks = [self, ...[...measured.values()].map((one) => one.clock)]
  const agreement = agree(clocks, r.members.size + 1)
  const silent = [...r.members.keys()].filter((rank) => !measured.has(rank))
  const findings = clocks.map((one) => find(one, measured.get(one.rank)?.sample ?? null, agreement, own.raw))
  // Whether a clock that belongs to the others is still on its way.
  const isOnItsWay = ({ rank, offset }: Finding): boolean =>
    Math.abs(offset) > NEAR_MS && !agreement?.thrownOut.includes(rank)
  r.unsettled = agreement !== null && findings.some(isOnItsWay)
  const conclusion: Conclusion = { round: r.round, agreement, findings, silent }
  if (agreement === null) return [{ type: 'concluded', conclusion }]
  const bound = { half: 0, ppm: 0, since: own.raw }
  correct(clock, now, { goal: agreement.at, epoch: clock.epoch, bound })
  const tell = ([to, { reading, sample }]: [Rank, Measured]): RoundEffect => {
    const { half, ppm, raw: since, offset } = sample
    const message: Tell = {
      type: 'correct',
      round: r.round,
      goal: agreement.at - offset,
      epoch: reading.epoch,
      half,
      ppm,
      since,
    }
    return { type: 'send', to, message }
  }
  return [...[...measured].map(tell), { type: 'concluded', conclusion }]
}

function find(clock: Clock, sample: Sample | null, agreement: Agreement | null, raw: number): Finding {
  const { rank, shows, wants } = clock
  const at = agreement?.at ?? 0
  return {
    ...{ rank, offset: shows - at, error: sample === null ? 0 : errorOf(sample, raw) },
    ...{ roundTrip: sample === null ? null : sample.half * 2, correction: agreement === null ? 0 : at - wants },
  }
}
