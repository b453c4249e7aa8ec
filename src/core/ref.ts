/**
 * The reference service: ranks, heartbeats, views. Pure: `refStep` takes one request or tick and returns what to do;
 * `persist` comes before whatever follows from it and must be durable first.
 */
import type { Data } from '../protocol/envelope.ts'
import { quote, type Refusal, refuse } from '../protocol/errors.ts'
import type { Endpoint, Instance, Rank, Report, View } from '../protocol/replica.ts'
import { DEAD_MS, hear } from './detector.ts'
import { isFresh, isInstalledByAll, noteInstalled, type Persisted, persistedOf, type RefState } from './ref_state.ts'
import { GRACE_MS, nextView, quorumOf } from './views.ts'

/** A member that stays this long is forgiven its failures, ms. */
const FORGIVEN_MS = 60_000
/** How long a rank is kept for a name that has not been heard yet, ms. */
const LEASE_MS = 5000

export type RefInput =
  | { type: 'rank'; name: string; exclude: Rank[] }
  | { type: 'heartbeat'; name: string; endpoint: Endpoint; report: Report }
  | { type: 'leave'; instance: Instance }
  | { type: 'forget'; rank: Rank }
  | { type: 'list' }
  | { type: 'status' }
  | { type: 'tick' }

export type RefEffect =
  | { type: 'persist'; state: Persisted }
  | { type: 'reply'; data: Data }
  | { type: 'refuse'; refusal: Refusal }
  | { type: 'push'; view: View; to: Instance[] }
  | { type: 'log'; level: 'info' | 'warn'; text: string; fields: Data }

/** @param nonce random text for the view that this step may issue */
export function refStep(state: RefState, now: number, nonce: string, input: RefInput): RefEffect[] {
  const effects: RefEffect[] = []
  forgetDead(state, now)
  const answer = take(state, now, input, effects)
  decide(state, now, nonce, effects)
  const after = persistedOf(state)
  const text = JSON.stringify(after)
  if (text !== state.saved) effects.unshift({ type: 'persist', state: after })
  state.saved = text
  if (answer !== null)
    effects.push('code' in answer ? { type: 'refuse', refusal: answer as Refusal } : answerWith(state, input, answer))
  return effects
}

function take(state: RefState, now: number, input: RefInput, effects: RefEffect[]): Data | Refusal | null {
  switch (input.type) {
    case 'rank':
      return assignRank(state, now, input.name, input.exclude)
    case 'heartbeat':
      takeHeartbeat(state, now, input, effects)
      return {}
    case 'leave':
      state.left.add(input.instance)
      state.servers.delete(input.instance)
      return {}
    case 'forget':
      return forget(state, now, input.rank, effects)
    case 'list':
    case 'status':
      return {}
    case 'tick':
      return null
  }
}

/** Answers are made after the decision, so that a heartbeat brings back the view that it caused. */
function answerWith(state: RefState, input: RefInput, data: Data): RefEffect {
  const servers = [...state.servers.values()].map(({ name, endpoint, heard: { report } }) => {
    const member = state.view?.members.some((one) => one.instance === report.instance) ?? false
    return { name, rank: report.rank, instance: report.instance, endpoint, alive: true, member }
  })
  servers.sort((a, b) => a.rank - b.rank)
  if (input.type === 'list') return { type: 'reply', data: { list: servers } }
  if (input.type === 'heartbeat')
    return { type: 'reply', data: { view: state.view, servers, rejoin: mustRejoin(state, input.report) } }
  if (input.type === 'status')
    return { type: 'reply', data: { view: state.view, total: state.ranks.length, ranks: state.ranks, servers } }
  return { type: 'reply', data }
}

/** To an origin that is not in its view, ref always says so. */
const mustRejoin = (state: RefState, report: Report): boolean =>
  report.origin !== null && !(state.view?.members.some((member) => member.instance === report.instance) ?? false)

function takeHeartbeat(
  state: RefState,
  now: number,
  { name, endpoint, report }: Extract<RefInput, { type: 'heartbeat' }>,
  effects: RefEffect[],
): void {
  if (state.left.has(report.instance)) return
  for (const [instance, server] of state.servers) {
    // A data directory has one owner: a new process of the rank means that the old one is gone.
    if (server.heard.report.rank === report.rank && instance !== report.instance) state.servers.delete(instance)
  }
  const known = state.servers.get(report.instance)
  const askedAt = report.joining ? (known?.heard.report.joining ? known.askedAt : now) : 0
  const server = { name, endpoint, heard: hear(known?.heard, report, now), askedAt }
  state.servers.set(report.instance, server)
  state.names.set(name, report.rank)
  state.leases.delete(name)
  if (report.known > (state.view?.number ?? 0) && !state.behind) {
    state.behind = true
    state.stalledSince = null
    effects.push({
      type: 'log',
      level: 'warn',
      text: 'servers know a newer view than this ref: waiting for their reports',
      fields: { known: report.known },
    })
  }
  noteInstalled(state, server)
}

function decide(state: RefState, now: number, nonce: string, effects: RefEffect[]): void {
  const before = state.view
  const next = nextView(state, now, nonce)
  if (next === null) return
  const gone = (before?.members ?? []).filter(
    (member) => !next.view.members.some((one) => one.instance === member.instance),
  )
  for (const member of gone) {
    if (!state.left.has(member.instance)) noteFailure(state, member.rank, now)
  }
  // What was said of servers before this view may still be about members of it.
  state.view = next.view
  state.ranks = next.ranks
  state.behind = false
  state.stalledSince = null
  state.installedBy.clear()
  warnOfLoss(state, next.view, effects)
  const members = next.view.members.map((member) => member.rank)
  effects.push({
    type: 'log',
    level: 'info',
    text: 'new view',
    fields: { view: next.view.number, members, quorum: next.view.quorum, left_out: gone.map((m) => m.rank) },
  })
  effects.push({ type: 'push', view: next.view, to: [...state.servers.keys()] })
}

/** With every rank there a view is made whatever is lost; when it is more than may be, somebody must hear of it. */
function warnOfLoss(state: RefState, { number, quorum, members }: View, effects: RefEffect[]): void {
  const lost = members.filter(({ rank, instance }) => state.installed.has(rank) && !countsAt(state, instance))
  if (members.length - lost.length >= quorum) return
  effects.push({
    type: 'log',
    level: 'warn',
    text: 'too many disks are lost: what was acknowledged and only on them is gone',
    fields: { view: number, lost: lost.map(({ rank }) => rank) },
  })
}

function noteFailure(state: RefState, rank: Rank, now: number): void {
  const last = state.failures.get(rank)
  const count = last !== undefined && now - last.at < FORGIVEN_MS ? last.count + 1 : 1
  state.failures.set(rank, { count, at: now })
}

/** The same rank for the same name for ever; an unknown name gets its own number, or the lowest that nobody live holds. */
function assignRank(state: RefState, now: number, name: string, exclude: Rank[]): Data | Refusal {
  const known = state.names.get(name)
  if (known !== undefined && !exclude.includes(known)) {
    state.leases.set(name, now)
    return { rank: known }
  }
  if (state.restored && now - state.startedAt < GRACE_MS)
    return refuse('unavailable', 'ref has just started and waits for live servers to report; try again')
  const held = new Set<Rank>(exclude)
  for (const server of state.servers.values()) held.add(server.heard.report.rank)
  for (const [other, at] of state.leases) {
    const rank = state.names.get(other)
    if (other !== name && rank !== undefined && now - at < LEASE_MS) held.add(rank)
  }
  let rank = wantedRank(name)
  if (rank === null || held.has(rank)) for (rank = 1 as Rank; held.has(rank); ) rank = (rank + 1) as Rank
  for (const [other, its] of state.names) if (its === rank) state.names.delete(other)
  state.names.set(name, rank)
  state.leases.set(name, now)
  return { rank }
}

/** `server-3` would like to be rank 3. */
function wantedRank(name: string): Rank | null {
  const match = /^server-([1-9]\d{0,3})$/.exec(name)
  return match === null ? null : (Number(match[1]) as Rank)
}

/** Takes a rank out of N, for a server that will never come back. */
function forget(state: RefState, now: number, rank: Rank, effects: RefEffect[]): Data | Refusal {
  if (!state.ranks.includes(rank))
    return refuse('not_found', `rank ${quote(rank)} does not count; these do: ${state.ranks.join(', ')}`)
  const live = [...state.servers.values()].some(
    (server) => server.heard.report.rank === rank && now - server.heard.at < DEAD_MS,
  )
  if (live) return refuse('bad_request', `rank ${rank} is alive: stop its server first`)
  const members = state.view?.members ?? []
  const there = members.filter((member) => countsAt(state, member.instance))
  if (
    !isInstalledByAll(state) ||
    there.length < quorumOf(state.ranks.length) ||
    members.some((member) => member.rank === rank)
  )
    return refuse('unavailable', 'the newest view is not installed by all its members, or has no quorum; try again')
  state.ranks = state.ranks.filter((one) => one !== rank)
  state.installed.delete(rank)
  for (const [name, its] of state.names) if (its === rank) state.names.delete(name)
  state.view = { ...state.view!, number: state.view!.number + 1, quorum: quorumOf(state.ranks.length) }
  state.installedBy.clear()
  effects.push({ type: 'push', view: state.view, to: [...state.servers.keys()] })
  return { ranks: state.ranks }
}

/** Whether a server was heard and its disk counts. */
function countsAt(state: RefState, instance: Instance): boolean {
  const server = state.servers.get(instance)
  return server !== undefined && !isFresh(state, server.heard.report)
}

/** Lets go of what was last heard long ago, so that nothing grows. */
function forgetDead(state: RefState, now: number): void {
  for (const [instance, server] of state.servers) if (now - server.heard.at >= DEAD_MS) state.servers.delete(instance)
  for (const [name, at] of state.leases) if (now - at >= LEASE_MS) state.leases.delete(name)
  if (state.left.size <= 1000) return
  for (const instance of state.left) {
    state.left.delete(instance)
    if (state.left.size <= 500) return
  }
}
