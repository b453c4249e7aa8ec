/** What `ref` knows: what it must never forget (persisted), and what it hears. */

import { isMap } from '../protocol/envelope.ts'
import {
  type Endpoint,
  type Instance,
  isCount,
  isView,
  type Rank,
  type Report,
  sameView,
  type View,
} from '../protocol/replica.ts'
import type { Heard } from './detector.ts'

export type Registered = { name: string; endpoint: Endpoint; heard: Heard; askedAt: number }

/** Written to disk before anything that follows from it is told. */
export type Persisted = {
  /** Ranks that count in N: the configured ones and those since admitted, without the forgotten. */
  ranks: Rank[]
  /** Which name has which rank. */
  names: Record<string, Rank>
  view: View | null
  /** Per rank, the newest view that it said it had installed: a disk that knows less than that was set back. */
  installed: Record<string, number>
}

export type RefState = {
  ranks: Rank[]
  names: Map<string, Rank>
  view: View | null
  installed: Map<Rank, number>
  servers: Map<Instance, Registered>
  /** When a rank was given to a name that has not been heard yet. */
  leases: Map<string, number>
  installedBy: Set<Instance>
  left: Set<Instance>
  failures: Map<Rank, { count: number; at: number }>
  /** Servers know a view above ours: we were restored from an old state. */
  behind: boolean
  stalledSince: number | null
  startedAt: number
  /** There was a state to start from: then live servers may exist that have not reported yet. */
  restored: boolean
  /** What was persisted last, as text. */
  saved: string
}

/** @param configured REPLICAS, for a cluster that has no state yet */
export function createRefState(persisted: Persisted | null, configured: number, now: number): RefState {
  const ranks = Array.from({ length: configured }, (_, i) => (i + 1) as Rank)
  const state: RefState = {
    ranks: persisted?.ranks ?? ranks,
    names: new Map(Object.entries(persisted?.names ?? {})),
    view: persisted?.view ?? null,
    installed: new Map(Object.entries(persisted?.installed ?? {}).map(([rank, view]) => [Number(rank) as Rank, view])),
    servers: new Map(),
    leases: new Map(),
    installedBy: new Set(),
    left: new Set(),
    failures: new Map(),
    behind: false,
    stalledSince: null,
    startedAt: now,
    restored: persisted !== null,
    saved: '',
  }
  state.saved = JSON.stringify(persistedOf(state))
  return state
}

export const persistedOf = (state: RefState): Persisted => ({
  ranks: state.ranks,
  names: Object.fromEntries([...state.names].sort(([a], [b]) => (a < b ? -1 : 1))),
  view: state.view,
  installed: Object.fromEntries([...state.installed].sort(([a], [b]) => a - b)),
})

/** Reads what was persisted. @throws with what is wrong */
export function readPersisted(value: unknown): Persisted {
  if (!isMap(value)) throw new Error('it is not a JSON object')
  const { ranks, names, view, installed = {} } = value
  if (!Array.isArray(ranks) || ranks.length === 0 || !ranks.every(isRank))
    throw new Error('ranks must be a list of ranks')
  if (!isMap(names) || !Object.values(names).every(isRank)) throw new Error('names must map names to ranks')
  if (view !== null && !isView(view)) throw new Error('view must be a view or null')
  if (!isMap(installed) || !Object.values(installed).every(isCount))
    throw new Error('installed must map ranks to numbers of views')
  return { ranks, names: names as Record<string, Rank>, view, installed: installed as Record<string, number> }
}

const isRank = (value: unknown): value is Rank => Number.isSafeInteger(value) && (value as number) >= 1

/** Whether every member of the newest view has said that it installed it. */
export const isInstalledByAll = (state: RefState): boolean =>
  state.view?.members.every((member) => state.installedBy.has(member.instance)) ?? false

/** Notes what a server says it has installed. */
export function noteInstalled(state: RefState, server: Registered): void {
  const { report } = server.heard
  if (report.recorded > (state.installed.get(report.rank) ?? 0)) state.installed.set(report.rank, report.recorded)
  if (sameView(report.installed, state.view)) state.installedBy.add(report.instance)
}

/** Whether a server's disk counts for no quorum: new, lost, damaged, or set back to an older state (a restored backup). */
export const isFresh = (state: RefState, { fresh, rank, recorded }: Report): boolean =>
  fresh || recorded < (state.installed.get(rank) ?? 0)
