/**
 * Views: who is in the cluster, decided by `ref` alone. R3: a view needs a quorum of members that kept their disks; a
 * view that changes N, by one at most, needs it for the old and the new N.
 *
 * Pure: `nextView` looks at what was heard and says which view to issue, if any. `ref.ts` keeps the state.
 */
import { type Member, makeOrigin, type Rank, type Report, readOrigin, type View } from '../protocol/replica.ts'
import { isAlive, suspects } from './detector.ts'
import { isFresh, isInstalledByAll, type RefState, type Registered } from './ref_state.ts'

/** How long to wait for the rest before going on with a quorum, ms. */
export const GRACE_MS = 3000
/** A rank that failed again and again is admitted with growing delay, from this on, ms. */
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 10_000
/** Before it there was nothing to lose. */
const FIRST_VIEW = 1

export const quorumOf = (total: number): number => Math.floor(total / 2) + 1

export type NextView = { view: View; ranks: Rank[] }

/**
 * The view to issue now, or null.
 * @param nonce drawn at random for this view, should there be one
 */
export function nextView(state: RefState, now: number, nonce: string): NextView | null {
  const asking = [...state.servers.values()].filter((server) => server.heard.at + 3000 > now)
  if (state.view === null || state.behind) return firstView(state, asking, now, nonce)
  const grace = state.startedAt + GRACE_MS
  const heard = new Map([...state.servers].map(([instance, server]) => [instance, server.heard]))
  const alive = state.view.members.filter(
    (member) => !state.left.has(member.instance) && isHere(state, member, now, grace),
  )
  const keep = withoutSuspects(state, alive, suspects(alive, heard, state.view.number, now), asking)
  const quorum = quorumOf(state.ranks.length)
  const heardOf = keep.filter((member) => state.servers.has(member.instance))
  if (countsFor(state, heardOf) >= quorum) state.stalledSince = null
  else state.stalledSince ??= now
  // In the grace after our own start: who has not been heard yet is neither dead nor worth a view.
  if (heardOf.length < keep.length) return null
  if (countsFor(state, keep) < quorum) return restart(state, keep, asking, now, nonce)
  const joined = admit(state, keep, asking, now)
  const same =
    joined.members.length === state.view.members.length && joined.members.every((m) => state.view!.members.includes(m))
  return same ? null : makeView(state, joined.members, joined.ranks, nonce)
}

/** Alive, and not replaced by a newer process of the same rank: a data directory has one owner. */
function isHere(state: RefState, member: Member, now: number, grace: number): boolean {
  for (const server of state.servers.values()) {
    if (server.heard.report.rank === member.rank && server.heard.report.instance !== member.instance) return false
  }
  return isAlive(state.servers.get(member.instance)?.heard, now, grace)
}

/**
 * Leaves out the worst suspect, if a quorum remains without it; or if it keeps the view from being installed and those who ask
 * can take its place: a quorum with the rest.
 */
function withoutSuspects(
  state: RefState,
  alive: Member[],
  suspected: readonly Member[],
  asking: readonly Registered[],
): Member[] {
  const worst = suspected[0]
  if (worst === undefined) return alive
  const rest = alive.filter((member) => member !== worst)
  const quorum = quorumOf(state.ranks.length)
  if (countsFor(state, rest) >= quorum) return rest
  const replaced = [...rest, ...newcomers(state, rest, asking)]
  return !isInstalledByAll(state) && countsFor(state, replaced) >= quorum ? rest : alive
}

/**
 * How many members count for a quorum: those that kept their disk. Those of the very first view that still run have lost
 * nothing either, though they may not have installed any yet.
 */
function countsFor(state: RefState, members: readonly Member[]): number {
  return members.filter(({ instance, origin }) => {
    const server = state.servers.get(instance)
    if (server === undefined || !isFresh(state, server.heard.report)) return true
    return readOrigin(origin)!.incarnation === FIRST_VIEW
  }).length
}

/** Adds the servers that may join, to those that stay. */
function admit(
  state: RefState,
  keep: Member[],
  asking: Registered[],
  now: number,
): { members: Member[]; ranks: Rank[] } {
  const members = [...keep]
  let ranks = state.ranks
  if (!isInstalledByAll(state)) return { members, ranks }
  for (const server of byRank(asking)) {
    const { report } = server.heard
    if (members.some((member) => member.rank === report.rank) || !report.joining || !report.level) continue
    if (!keep.every((member) => state.servers.get(member.instance)?.heard.report.hears.includes(report.instance)))
      continue
    if (now - server.askedAt < delayOf(state, report.rank)) continue
    const grown = ranks.includes(report.rank) ? ranks : [...ranks, report.rank].sort((a, b) => a - b)
    if (grown.length > state.ranks.length + 1) continue
    if (countsFor(state, members) < quorumOf(grown.length)) continue
    ranks = grown
    members.push(memberOf(server, state.view!.number + 1))
  }
  return { members, ranks }
}

/** How long a rank that failed lately has to wait, ms. */
function delayOf(state: RefState, rank: Rank): number {
  const failures = state.failures.get(rank)?.count ?? 0
  return failures < 2 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (failures - 2), LONGEST_DELAY_MS)
}

/**
 * Fewer than a quorum of the last view are alive under their origins, or can install it: a view of those and of all who ask,
 * once a quorum that kept their disks is there and 3 s of grace are over, or all are there. (When nobody is left this is "all
 * down".)
 */
function restart(state: RefState, keep: Member[], asking: Registered[], now: number, nonce: string): NextView | null {
  const asked = newcomers(state, keep, asking)
  if (asked.length === 0) return null
  const members = [...keep, ...asked]
  const all = state.ranks.every((rank) => members.some((member) => member.rank === rank))
  // With every rank there, so is whoever holds what was acknowledged, unless more disks are lost than may be.
  if (!all && countsFor(state, members) < quorumOf(state.ranks.length)) return null
  return all || now - (state.stalledSince ?? now) >= GRACE_MS ? makeView(state, members, state.ranks, nonce) : null
}

/** Those of the counted ranks that ask to be in the next view, beside who stays. */
function newcomers(state: RefState, keep: readonly Member[], asking: readonly Registered[]): Member[] {
  const asked = asking.filter(({ heard: { report } }) => {
    const isNew = report.joining && !keep.some((member) => member.rank === report.rank)
    return isNew && state.ranks.includes(report.rank) && !state.left.has(report.instance)
  })
  return byRank(asked).map((server) => memberOf(server, state.view!.number + 1))
}

/**
 * The first view ever, and the first after `ref` lost its state or found itself behind: everybody under a new origin,
 * numbered above whatever anybody knows.
 */
function firstView(state: RefState, asking: Registered[], now: number, nonce: string): NextView | null {
  const known = Math.max(0, state.view?.number ?? 0, ...asking.map((server) => server.heard.report.known))
  const everUsed = known > 0
  const servers = byRank(asking).filter((server) => !state.left.has(server.heard.report.instance))
  const counts = ({ heard: { report } }: Registered): boolean => !everUsed || !isFresh(state, report)
  const used = everUsed ? servers.filter(counts).map((server) => server.heard.report.rank) : []
  const ranks = [...new Set([...state.ranks, ...used])]
  // One that repairs its files first is in no view and does not ask yet; its rank counts.
  const isAble = ({ joining, origin }: Report): boolean => joining || origin !== null
  const inside = servers.filter(({ heard: { report } }) => ranks.includes(report.rank) && isAble(report))
  const kept = inside.filter(counts).length
  // N may have been larger than what is known of it here; the servers know the quorum that it had.
  const quorum = Math.max(quorumOf(ranks.length), ...servers.map((server) => server.heard.report.quorum))
  // Servers are added to a view that is installed, so a first view that nobody has installed was of the configured ranks.
  const isKnown = known === FIRST_VIEW && quorum === quorumOf(ranks.length)
  const most = isKnown ? ranks.length : 2 * quorum - 1
  const all = ranks.every((rank) => inside.some((server) => server.heard.report.rank === rank))
  if (inside.length > 0) state.stalledSince ??= now
  const waited = state.stalledSince !== null && now - state.stalledSince >= GRACE_MS
  if (kept < quorum ? !all || inside.length < most : !all && !waited) return null
  const members = inside.map((server) => memberOf(server, known + 1))
  return makeView(
    state,
    members,
    ranks.sort((a, b) => a - b),
    nonce,
    known + 1,
  )
}

function makeView(state: RefState, members: Member[], ranks: Rank[], nonce: string, number?: number): NextView {
  const sorted = [...members].sort((a, b) => a.rank - b.rank)
  const quorum = quorumOf(ranks.length)
  return { view: { number: number ?? state.view!.number + 1, nonce, quorum, members: sorted }, ranks }
}

const memberOf = (server: Registered, number: number): Member => ({
  rank: server.heard.report.rank,
  origin: makeOrigin(server.heard.report.rank, number),
  instance: server.heard.report.instance,
  endpoint: server.endpoint,
})

const byRank = (servers: readonly Registered[]): Registered[] =>
  [...servers].sort((a, b) => a.heard.report.rank - b.heard.report.rank)
