/** A simulated server: the real replica on a simulated disk, with the real recovery at every start. */

import { readLines } from '../src/core/copy.ts'
import { createReplica, type Replica, step } from '../src/core/replica.ts'
import { reportOf } from '../src/core/report.ts'
import type { Effect, Input, Outcome } from '../src/core/types.ts'
import type { Instance, Rank, ReplicaMessage, View } from '../src/protocol/replica.ts'
import { createApplication } from '../src/server/services/index.ts'
import type { Check } from './check.ts'
import { append, cutPower, type Disk, loadDisk, publicFile, rotate, syncSegment, writeGroup } from './disk.ts'
import type { SimRef } from './ref.ts'
import { carry, note, type World } from './world.ts'

const TICK_MS = 50
const HEARTBEAT_MS = 1000
const OPTIONS = { requestTimeoutMs: 5000, checkpointBytes: 20_000, windowPositions: 4096, lagBytes: 1 << 20 }

export type SimServer = {
  name: string
  rank: Rank
  disk: Disk
  /** Grows with every start and crash: what was planned for an earlier life does not happen. */
  life: number
  replica: Replica | null
  pausedUntil: number
  inbox: Input[]
}

export type Cluster = {
  world: World
  servers: SimServer[]
  ref: SimRef
  check: Check
  /** Where replies go: the token is the function that takes them. */
}

export const isUp = (server: SimServer): boolean => server.replica !== null

export function startServer(cluster: Cluster, server: SimServer): void {
  const { world } = cluster
  if (server.replica !== null) return
  server.life++
  const app = createApplication()
  const { restored } = loadDisk(app, server.disk, OPTIONS.windowPositions)
  cluster.check.restarted(server.rank, server.disk)
  const instance = `i${server.rank}-${world.random.text()}` as Instance
  server.replica = createReplica(server.rank, instance, app, restored, OPTIONS)
  note(world, server.name, `starts as ${instance} at position ${restored.checkpoint.position}`)
  const { life } = server
  const every = (pause: number, action: () => void): void => {
    const again = (): void => {
      if (server.life !== life) return
      action()
      world.schedule.after(pause, again)
    }
    world.schedule.after(world.random.between(0, pause), again)
  }
  every(TICK_MS, () => feed(cluster, server, { type: 'tick' }))
  every(HEARTBEAT_MS, () => heartbeat(cluster, server))
}

/** A process that is killed keeps what it wrote; a power cut takes what was not fsynced. */
export function crashServer(cluster: Cluster, server: SimServer, power: boolean): void {
  if (server.replica === null) return
  server.life++
  server.replica = null
  server.inbox = []
  server.pausedUntil = 0
  if (power) {
    cutPower(server.disk, cluster.world.random)
    cluster.check.powerCut(server.rank, server.disk)
  }
  note(cluster.world, server.name, power ? 'loses power' : 'is killed')
}

/** Hands an input to a server; a paused one gets it when it goes on. */
export function feed(cluster: Cluster, server: SimServer, input: Input): void {
  const { world } = cluster
  if (server.replica === null) return
  if (server.pausedUntil > world.schedule.now) {
    if (input.type !== 'tick') server.inbox.push(input)
    return
  }
  const inputs = [...server.inbox, input]
  server.inbox = []
  for (const effect of step(server.replica, world.schedule.now, inputs)) carryOut(cluster, server, effect)
}

function carryOut(cluster: Cluster, server: SimServer, effect: Effect): void {
  const { world, check } = cluster
  switch (effect.type) {
    case 'publish':
      for (const other of cluster.servers)
        if (other !== server) deliver(cluster, server, other, effect.message, 'topic')
      return
    case 'send': {
      const to = cluster.servers.find((other) => other.replica?.instance === effect.to)
      if (to !== undefined) deliver(cluster, server, to, effect.message, 'direct')
      return
    }
    case 'copy':
      return giveCopy(cluster, server, effect)
    case 'commit':
      return commit(cluster, server, effect)
    case 'write': {
      const file = publicFile(server.disk, effect.log)
      check.written(server.rank, effect.log, file.bytes.length, effect.lines)
      return append(file, effect.lines)
    }
    case 'checkpoint':
      return checkpoint(cluster, server, effect)
    case 'reply': {
      const answer = effect.token as (outcome: Outcome, clock: number) => void
      answer(effect.outcome, server.replica!.clock)
      return
    }
    case 'report':
      return heartbeat(cluster, server)
    case 'log':
      if (effect.level === 'error') check.fail(`${server.name}: ${effect.text} ${JSON.stringify(effect.fields)}`)
      return note(world, server.name, `${effect.text} ${JSON.stringify(effect.fields)}`)
    case 'deliver':
      return
  }
}

function deliver(
  cluster: Cluster,
  from: SimServer,
  to: SimServer,
  message: ReplicaMessage,
  kind: 'topic' | 'direct',
): void {
  carry(cluster.world, from.name, to.name, kind, () => feed(cluster, to, { type: 'message', message }))
}

function later(cluster: Cluster, server: SimServer, action: () => void): void {
  const { life } = server
  cluster.world.schedule.after(cluster.world.random.between(0, cluster.world.weather.fsync), () => {
    if (server.life === life) action()
  })
}

function commit(cluster: Cluster, server: SimServer, { token, records }: Extract<Effect, { type: 'commit' }>): void {
  const { segment, end } = writeGroup(server.disk, records)
  later(cluster, server, () => {
    syncSegment(server.disk, segment, end)
    feed(cluster, server, { type: 'committed', token })
  })
}

function checkpoint(cluster: Cluster, server: SimServer, effect: Extract<Effect, { type: 'checkpoint' }>): void {
  const { disk } = server
  const lengths = Object.fromEntries([...disk.files].map(([log, file]) => [log, file.bytes.length]))
  const snapshot = structuredClone(effect.snapshot)
  rotate(disk, effect.carry)
  const { current } = disk
  const carried = disk.segments.get(current)!.bytes.length
  later(cluster, server, () => {
    syncSegment(disk, current, carried)
    for (const [log, length] of Object.entries(lengths)) {
      const file = publicFile(disk, log)
      file.synced = Math.max(file.synced, length)
    }
    disk.registry = { position: effect.checkpoint.position, state: snapshot }
    later(cluster, server, () => {
      disk.saved = { checkpoint: effect.checkpoint, lengths }
      later(cluster, server, () => {
        for (const number of disk.segments.keys()) if (number < current) disk.segments.delete(number)
        feed(cluster, server, { type: 'checkpointed', token: effect.token })
      })
    })
  })
}

/** Answers with public lines, as a server reads them from its files. */
function giveCopy(cluster: Cluster, server: SimServer, effect: Extract<Effect, { type: 'copy' }>): void {
  const to = cluster.servers.find((other) => other.replica?.instance === effect.to)
  if (to === undefined) return
  const upTo = Math.min(effect.upTo, effect.from + 50)
  const files: [string, Uint8Array][] = []
  for (const [log, file] of [...server.disk.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const lines = file.bytes
      .toString()
      .split('\n')
      .filter((line) => {
        const n = Number.parseInt(line.slice(5), 10)
        return n > effect.from && n <= upTo
      })
    if (lines.length > 0) files.push([log, Buffer.from(`${lines.join('\n')}\n`)])
  }
  const replica = server.replica!
  const from = { rank: server.rank, instance: replica.instance, clock: replica.clock }
  const piece = { from: effect.from, to: upTo, position: replica.position, view: effect.view, files }
  if (readLines(piece) === null)
    return cluster.check.fail(`${server.name} gives lines that are not ${effect.from}-${upTo}`)
  deliver(cluster, server, to, { ...from, type: 'copied', ...piece }, 'direct')
}

function heartbeat(cluster: Cluster, server: SimServer): void {
  const { world, ref } = cluster
  if (server.replica === null || server.pausedUntil > world.schedule.now) return
  const report = reportOf(server.replica)
  const { life } = server
  const answer = (view: View | null): void => {
    if (view === null) return
    carry(world, 'ref', server.name, 'direct', () => {
      if (server.life === life && view.number > (server.replica!.known?.number ?? 0))
        feed(cluster, server, { type: 'view', view })
    })
  }
  carry(world, server.name, 'ref', 'direct', () => ref.heartbeat(server, report, answer))
}
