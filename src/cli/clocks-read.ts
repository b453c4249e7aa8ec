/**
 * The clocks of all processes: servers say theirs on the peer channel, everybody else on `/healthz`. Where that is: with
 * `npm start` on the ports that the launcher gives out, in containers on the same port of every host.
 */
import { lookup } from 'node:dns/promises'
import { type ProcessPlan, planCluster } from '../cluster/plan.ts'
import { reachable } from '../cluster/readiness.ts'
import type { Config } from '../platform/config.ts'
import { type ClockStatus, readClockStatus } from '../protocol/clock-status.ts'
import { readClock } from '../protocol/envelope.ts'
import { ownClock } from './ask.ts'
import { type Row, readStatus, stateOf } from './cluster-status.ts'

export type ProcessClocks = {
  name: string
  role: ProcessPlan['role'] | 'tool'
  /** Lamport time; null when it does not answer. */
  clock: number | null
  /** A server's rank, state, and how its physical clock stands. */
  rank?: number
  state?: string
  time?: ClockStatus | null
}
export type Clocks = {
  /** The physical clocks are measured against what this one is to show. */
  coordinator: number | null
  term: number
  round: number
  /** Between the servers' clocks that are furthest apart, ms: their own, and as corrected; null while not known. */
  apartBeforeMs: number | null
  apartMs: number | null
  processes: ProcessClocks[]
}

/** Asks everybody. @throws {Failure} when there is no ref */
export async function readClocks(config: Config): Promise<Clocks> {
  const { ref, rows } = await readStatus(config.refUrl)
  const others = await readOthers({ ...config, replicas: Math.min(99, Math.max(config.replicas, ref.total)) })
  const refClock: ProcessClocks = { name: 'ref', role: 'ref', clock: readClock(ref.clock) }
  const own: ProcessClocks = { name: 'this command', role: 'tool', clock: ownClock.now }
  return summarise([refClock, ...others, ...rows.map(serverClocks), own])
}

function serverClocks(row: Row): ProcessClocks {
  const { name, rank, status } = row
  const time = readClockStatus(status?.time)
  return { name, role: 'server', clock: status?.clock ?? null, rank, state: stateOf(row), time }
}

/** What the servers agree on: the newest term that any of them knows, and how far apart they are. */
export function summarise(processes: ProcessClocks[]): Clocks {
  const times = processes.flatMap(({ time }) => time ?? [])
  const newest = times.reduce<ClockStatus | null>(
    (best, time) =>
      best === null || time.term > best.term || (time.term === best.term && time.round > best.round) ? time : best,
    null,
  )
  const known = times.filter(({ errorMs }) => errorMs !== null)
  return {
    coordinator: newest?.coordinator ?? null,
    term: newest?.term ?? 0,
    round: newest?.round ?? 0,
    apartBeforeMs: apart(known.map(({ rawOffsetMs }) => rawOffsetMs)),
    apartMs: apart(known.map(({ offsetMs }) => offsetMs)),
    processes,
  }
}

const apart = (offsets: readonly number[]): number | null =>
  offsets.length < 2 ? null : Math.max(...offsets) - Math.min(...offsets)

type Place = { name: string; role: ProcessPlan['role']; host: string; port: number }

/** Broker, proxy, console and bots, as many as answer; the first three are missed when they do not. */
async function readOthers(config: Config): Promise<ProcessClocks[]> {
  const places = isLocal(config) ? localPlaces(config) : await containerPlaces(config)
  const found = await Promise.all(places.map(readHealth))
  return found.filter((one) => one.clock !== null || one.role !== 'client')
}

/** Bots that are looked for beyond those that the configuration says. */
const MORE_BOTS = 8

const isLocal = ({ brokerUrls }: Config): boolean => /^tcp:\/\/(127\.|localhost[:/])/.test(brokerUrls[0]!)

function localPlaces(config: Config): Place[] {
  const bots = Math.min(99, config.bots + MORE_BOTS)
  return planCluster({ ...config, bots }, {})
    .filter(({ role }) => role !== 'server' && role !== 'ref')
    .map(({ name, role, healthPort }) => ({ name, role, host: reachable(config.bindHost), port: healthPort }))
}

/** The names of docker-compose.yml; one that stands for several containers is resolved to all of them. */
async function containerPlaces({ brokerUrls, proxyOutUrls, healthPort }: Config): Promise<Place[]> {
  const hostOf = (url: string): string => url.replace(/^tcp:\/\/|:\d+$/g, '')
  const place = (name: string, role: Place['role'], host: string): Place => ({ name, role, host, port: healthPort })
  const bots = await lookup('client_auto', { all: true, family: 4 }).catch(() => [])
  const addresses = bots.map(({ address }) => address).sort()
  return [
    ...brokerUrls.map((url) => place(hostOf(url), 'broker', hostOf(url))),
    ...proxyOutUrls.map((url) => place(hostOf(url), 'proxy', hostOf(url))),
    place('console', 'console', 'console'),
    ...addresses.map((address, index) => place(`bot-${index + 1}`, 'client', address)),
  ]
}

const LIMIT_MS = 1000

async function readHealth({ name, role, host, port }: Place): Promise<ProcessClocks> {
  try {
    const response = await fetch(`http://${host}:${port}/healthz`, { signal: AbortSignal.timeout(LIMIT_MS) })
    const body = (await response.json()) as { role?: unknown; clock?: unknown }
    // Somebody else's program may be on a port that a bot would have.
    return { name, role, clock: body.role === role ? readClock(body.clock) : null }
  } catch {
    return { name, role, clock: null }
  }
}
