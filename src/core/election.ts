/**
 * Election of the coordinator: the bully algorithm (Garcia-Molina 1982), made safe. The lowest rank of the view that answers
 * becomes the coordinator; the term is the view's number.
 *
 * Bully: a server that knows no coordinator asks the others (`election`). If a lower rank answers, it leaves the matter to
 * that one, which on being asked by a higher rank begins an election of its own. If no lower one answers in time, it claims.
 *
 * Safe: with messages late or lost two servers may each find that nobody lower answers. So an answer is a vote for a ballot,
 * a claim needs the votes of most members and then their consent, and whoever claims passes on what a vote says was
 * consented to before (a single decision of Paxos: Lamport 1998). Hence in each view at most one coordinator is ever
 * elected, and it stays until the next view. A process that restarts is another member, so nothing need be on disk.
 *
 * Limits: no coordinator without a majority of the view. One that dies is followed only in the view without it.
 * Pure: time is an argument, ms, monotonic.
 */

import type { Data } from '../protocol/envelope.ts'
import { type Rank, sameView, type ViewId } from '../protocol/replica.ts'
import type {
  Accepted,
  Ballot,
  ClaimMessage,
  ConsentMessage,
  ElectedMessage,
  ElectionMessage,
  VoteMessage,
} from '../protocol/timekeeping.ts'

/** How long lower ranks have to answer, and all to consent; whoever is asked hears it again every AGAIN_MS. */
const ANSWER_MS = 500
const AGAIN_MS = 100
/** How long a lower rank that answered has to be elected. */
const YIELD_MS = 1000
/** By how much each place in the view begins later, so that mostly the lowest rank asks first. */
const PLACE_MS = 100
/** After each election that too few answered the next one begins later by this, so many times at most. */
const BACK_OFF_MS = 250
const MOST_BACK_OFFS = 6
/** More than any rank. */
const RANKS = 10_000

export type ElectionMessages = ElectionMessage | VoteMessage | ClaimMessage | ConsentMessage | ElectedMessage

export type ElectionEffect =
  | { type: 'send'; to: Rank; message: ElectionMessages }
  | { type: 'elected'; coordinator: Rank; answered: Rank[] }
  | { type: 'log'; level: 'debug' | 'info'; text: string; fields: Data }

type Candidacy = {
  ballot: Ballot
  phase: 'asking' | 'claiming'
  since: number
  askedAt: number
  votes: Map<Rank, Accepted | null>
  consents: Set<Rank>
  coordinator: Rank
}

export type Election = {
  readonly self: Rank
  readonly view: ViewId
  /** The ranks of the view, rising. */
  readonly members: readonly Rank[]
  promised: Ballot
  accepted: Accepted | null
  candidacy: Candidacy | null
  /** Null while none is known to be elected. */
  coordinator: Rank | null
  /** When to begin, if there is no coordinator by then, and why. */
  beginAt: number
  reason: string
  attempts: number
}

/** An election that begins with a view, of which this server is a member. */
export function createElection(self: Rank, view: ViewId, members: readonly Rank[], now: number): Election {
  const rising = [...members].sort((a, b) => a - b)
  return {
    ...{ self, view, members: rising, promised: 0, accepted: null, candidacy: null, coordinator: null, attempts: 0 },
    ...{ beginAt: now + PLACE_MS * rising.indexOf(self), reason: 'new view' },
  }
}

/** Lets time pass. To be called every 50 ms or so. */
export function tickElection(e: Election, now: number): ElectionEffect[] {
  if (e.coordinator !== null) return []
  if (e.candidacy === null) return now < e.beginAt ? [] : begin(e, now)
  const { candidacy } = e
  if (now - candidacy.since < ANSWER_MS) return now - candidacy.askedAt < AGAIN_MS ? [] : askAgain(e, candidacy, now)
  if (candidacy.phase === 'asking' && isMajority(e, candidacy.votes.size)) return claim(e, candidacy, now)
  const { votes, consents, phase } = candidacy
  e.candidacy = null
  e.beginAt = now + PLACE_MS * e.members.indexOf(e.self) + BACK_OFF_MS * Math.min(e.attempts, MOST_BACK_OFFS)
  e.reason = 'too few answered'
  const answered = sorted(phase === 'asking' ? votes.keys() : consents)
  return [say(e, 'debug', 'too few answered in the election', { answered, phase })]
}

/** Takes a message of another member about this view. */
export function takeElection(e: Election, from: Rank, message: ElectionMessages, now: number): ElectionEffect[] {
  if (!sameView(message.view, e.view) || from === e.self || !e.members.includes(from)) return []
  switch (message.type) {
    case 'election':
      return takeQuestion(e, from, message.ballot, now)
    case 'vote':
      return takeVote(e, from, message, now)
    case 'claim':
      return takeClaim(e, from, message, now)
    case 'consent':
      return takeConsent(e, from, message.ballot)
    case 'elected':
      return learnCoordinator(e, message.coordinator, [])
  }
}

/** Takes note that one is elected: it says so itself, or a member does. */
export function learnCoordinator(e: Election, coordinator: Rank, answered: Rank[]): ElectionEffect[] {
  if (e.coordinator !== null || !e.members.includes(coordinator)) return []
  e.coordinator = coordinator
  e.candidacy = null
  return [{ type: 'elected', coordinator, answered }]
}

/** Forgets who leads, to ask the others anew: for one that was away. What it promised it keeps. */
export function doubt(e: Election, reason: string, now: number): void {
  if (e.coordinator === null) return
  Object.assign(e, { coordinator: null, candidacy: null, beginAt: now, reason, attempts: 0 })
}

function begin(e: Election, now: number): ElectionEffect[] {
  const ballot = (Math.floor(e.promised / RANKS) + 1) * RANKS + e.self
  const candidacy: Candidacy = {
    ...{ ballot, phase: 'asking', since: now, askedAt: now, coordinator: e.self },
    ...{ votes: new Map([[e.self, e.accepted]]), consents: new Set() },
  }
  e.promised = ballot
  e.candidacy = candidacy
  const asked = e.members.filter((rank) => rank !== e.self)
  const started = say(e, e.attempts++ === 0 ? 'info' : 'debug', 'election started', { reason: e.reason, asked })
  return [started, ...askAgain(e, candidacy, now), ...claimIfClear(e, candidacy, now)]
}

/** Asks those who have not answered. */
function askAgain(e: Election, candidacy: Candidacy, now: number): ElectionEffect[] {
  const { ballot, phase, votes, consents, coordinator } = candidacy
  candidacy.askedAt = now
  const message: ElectionMessages =
    phase === 'asking'
      ? { type: 'election', view: e.view, ballot }
      : { type: 'claim', view: e.view, ballot, coordinator }
  const missing = e.members.filter((rank) => !(phase === 'asking' ? votes.has(rank) : consents.has(rank)))
  return missing.filter((rank) => rank !== e.self).map((to) => ({ type: 'send', to, message }))
}

function takeQuestion(e: Election, from: Rank, ballot: Ballot, now: number): ElectionEffect[] {
  if (e.coordinator !== null)
    return [{ type: 'send', to: from, message: { type: 'elected', view: e.view, coordinator: e.coordinator } }]
  if (ballot > e.promised) promise(e, ballot, now)
  const { promised, accepted } = e
  const vote: ElectionEffect = {
    type: 'send',
    to: from,
    message: { type: 'vote', view: e.view, ballot, promised, accepted },
  }
  // The bully's rule: asked by a higher rank, a lower one takes over.
  if (e.self > from || e.candidacy !== null) return [vote]
  e.reason = `server ${from} asked`
  return [vote, ...begin(e, now)]
}

/** Promises to vote for nothing below a ballot, and gives whoever has it time. */
function promise(e: Election, ballot: Ballot, now: number): void {
  e.promised = ballot
  if (e.candidacy !== null && e.candidacy.ballot < ballot) e.candidacy = null
  e.beginAt = Math.max(e.beginAt, now + YIELD_MS + PLACE_MS * e.members.indexOf(e.self))
}

function takeVote(e: Election, from: Rank, vote: VoteMessage, now: number): ElectionEffect[] {
  const { candidacy } = e
  if (candidacy?.phase !== 'asking' || candidacy.ballot !== vote.ballot) return []
  if (vote.promised !== vote.ballot) {
    promise(e, Math.max(e.promised, vote.promised), now)
    return []
  }
  candidacy.votes.set(from, vote.accepted)
  if (from < e.self) {
    e.candidacy = null
    e.beginAt = now + YIELD_MS + PLACE_MS * e.members.indexOf(e.self)
    return [say(e, 'info', 'a lower rank answered in the election and takes over', { answered: [from] })]
  }
  return claimIfClear(e, candidacy, now)
}

/** Claims as soon as most have voted and there is nobody below. */
function claimIfClear(e: Election, candidacy: Candidacy, now: number): ElectionEffect[] {
  return e.members[0] === e.self && isMajority(e, candidacy.votes.size) ? claim(e, candidacy, now) : []
}

function claim(e: Election, candidacy: Candidacy, now: number): ElectionEffect[] {
  let consented: Accepted | null = null
  for (const accepted of candidacy.votes.values())
    if (accepted !== null && accepted.ballot > (consented?.ballot ?? 0)) consented = accepted
  const { ballot } = candidacy
  const coordinator = consented?.coordinator ?? e.self
  e.accepted = { ballot, coordinator }
  Object.assign(candidacy, { phase: 'claiming', since: now, coordinator, consents: new Set([e.self]) })
  return [...askAgain(e, candidacy, now), ...electIfClear(e, candidacy)]
}

function takeClaim(e: Election, from: Rank, { ballot, coordinator }: ClaimMessage, now: number): ElectionEffect[] {
  if (ballot < e.promised) return []
  promise(e, ballot, now)
  e.accepted = { ballot, coordinator }
  return [{ type: 'send', to: from, message: { type: 'consent', view: e.view, ballot } }]
}

function takeConsent(e: Election, from: Rank, ballot: Ballot): ElectionEffect[] {
  const { candidacy } = e
  if (candidacy?.phase !== 'claiming' || candidacy.ballot !== ballot) return []
  candidacy.consents.add(from)
  return electIfClear(e, candidacy)
}

function electIfClear(e: Election, { consents, coordinator, votes }: Candidacy): ElectionEffect[] {
  if (!isMajority(e, consents.size)) return []
  const others = e.members.filter((rank) => rank !== e.self)
  const message: ElectedMessage = { type: 'elected', view: e.view, coordinator }
  return [
    ...learnCoordinator(e, coordinator, sorted(votes.keys())),
    ...others.map((to): ElectionEffect => ({ type: 'send', to, message })),
  ]
}

const isMajority = (e: Election, count: number): boolean => count * 2 > e.members.length

const sorted = (ranks: Iterable<Rank>): Rank[] => [...ranks].sort((a, b) => a - b)

const say = (e: Election, level: 'debug' | 'info', text: string, fields: Data): ElectionEffect => ({
  ...{ type: 'log', level, text },
  fields: { term: e.view.number, by: e.self, ...fields },
})
