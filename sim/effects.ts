/** Carries out what the core asks for, as server/effects.ts and platform/store.ts do, on the simulated network and disk. */
import { CHECKPOINT_STEPS, type CheckpointStep } from '../src/core/checkpoint.ts'
import type { Effect, Outcome } from '../src/core/types.ts'
import type { ReplicaMessage } from '../src/protocol/replica.ts'
import { markFiles, publicFile, rotate, syncGroup, type Written, writeGroup } from './disk.ts'
import { append, contents, sync } from './file.ts'
import { carry } from './network.ts'
import { type Cluster, crashServer, feed, heartbeat, restartLater, type SimServer } from './server.ts'
import { countFault, note } from './world.ts'

/** Most positions in one piece for a server that copies. */
const COPY_POSITIONS = 50
/** Without an append for this long, the journal ends its last group with an empty one, ms. */
const SEAL_MS = 100
const FULL_AGAIN_MS = 250

export type Answer = (outcome: Outcome, clock: number) => void

export function carryOut(cluster: Cluster, server: SimServer, effect: Effect): void {
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
      cluster.check.written(server.rank, effect.log, file.length, effect.lines)
      return append(file, effect.lines)
    }
    case 'checkpoint':
      return checkpoint(cluster, server, effect)
    case 'reply':
      return (effect.token as Answer)(effect.outcome, server.replica!.clock)
    case 'stop':
      return cluster.check.fail(`${server.name} would stop: ${effect.why}`)
    case 'report':
      return heartbeat(cluster, server)
    case 'log':
      if (effect.level === 'error')
        cluster.check.complained(server.rank, `${effect.text} ${JSON.stringify(effect.fields)}`)
      return note(cluster.world, server.name, `${effect.text} ${JSON.stringify(effect.fields)}`)
    case 'deliver':
      return cluster.proxy.publish(server, effect.event.id)
  }
}

function deliver(
  cluster: Cluster,
  from: SimServer,
  to: SimServer,
  message: ReplicaMessage,
  channel: 'topic' | 'direct',
): void {
  carry(cluster.world, from.name, to.name, channel, () => feed(cluster, to, { type: 'message', message }))
}

/** Does something that takes as long as an fsync, unless the process dies before; the disk may fail or be full. */
function afterFsync(cluster: Cluster, server: SimServer, action: () => void): void {
  const { world } = cluster
  const { life } = server
  world.schedule.after(world.random.between(0, world.weather.fsync), () => {
    if (server.life !== life) return
    if (server.fullUntil > world.schedule.now && world.random.chance(0.5)) {
      countFault(world, 'write without room')
      return world.schedule.after(FULL_AGAIN_MS, () => server.life === life && afterFsync(cluster, server, action))
    }
    if (world.raging && world.random.chance(world.weather.fsyncFails)) {
      countFault(world, 'failed fsync')
      note(world, server.name, 'an fsync fails: the process ends')
      // What was to be fsynced may be gone, though the file looks as if it were there.
      crashServer(cluster, server, true)
      return restartLater(cluster, server)
    }
    action()
  })
}

function commit(cluster: Cluster, server: SimServer, { token, records }: Extract<Effect, { type: 'commit' }>): void {
  const written = writeGroup(server.disk, records)
  afterFsync(cluster, server, () => {
    syncGroup(server.disk, written)
    sealLater(cluster, server, written)
    feed(cluster, server, { type: 'committed', token })
  })
}

/** Damage of the last group looks like a torn write; an empty group behind it tells them apart. */
function sealLater(cluster: Cluster, server: SimServer, { segment, end }: Written): void {
  const { life, disk } = server
  cluster.world.schedule.after(SEAL_MS, () => {
    if (server.life !== life || disk.current !== segment || disk.segments.get(segment)!.length !== end) return
    syncGroup(disk, writeGroup(disk, []))
  })
}

/** The steps of a checkpoint in the order that the core states; each is as long as an fsync, and each may be the last. */
function checkpoint(cluster: Cluster, server: SimServer, effect: Extract<Effect, { type: 'checkpoint' }>): void {
  const { disk } = server
  const marks = markFiles(disk)
  const state = structuredClone(effect.snapshot)
  rotate(disk, effect.carry)
  const { current } = disk
  const carried = disk.segments.get(current)!.length
  const steps: Record<CheckpointStep, () => void> = {
    journal: () => syncGroup(disk, { segment: current, end: carried }),
    files: () => {
      for (const [log, { length }] of marks) sync(publicFile(disk, log), length)
    },
    registry: () => {
      disk.registry = { position: effect.checkpoint.position, state, damaged: false }
    },
    server: () => {
      disk.saved = { checkpoint: effect.checkpoint, files: marks, damaged: false }
      cluster.check.stated(server.rank, disk)
    },
    forget: () => {
      for (const number of disk.segments.keys()) if (number < current) disk.segments.delete(number)
    },
  }
  const go = (index: number): void => {
    const next = CHECKPOINT_STEPS[index]
    if (next === undefined) return feed(cluster, server, { type: 'checkpointed', token: effect.token })
    afterFsync(cluster, server, () => {
      steps[next]()
      go(index + 1)
    })
  }
  go(0)
}

/** Answers with public lines, as a server reads them from its files. */
function giveCopy(cluster: Cluster, server: SimServer, effect: Extract<Effect, { type: 'copy' }>): void {
  const to = cluster.servers.find((other) => other.replica?.instance === effect.to)
  if (to === undefined) return
  const upTo = Math.min(effect.upTo, effect.from + COPY_POSITIONS)
  const files: [string, Uint8Array][] = []
  for (const [log, file] of [...server.disk.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const lines = linesBetween(contents(file), effect.from, upTo)
    if (lines.length > 0) files.push([log, Buffer.from(lines)])
  }
  const replica = server.replica!
  const from = { rank: server.rank, instance: replica.instance, clock: replica.clock }
  const piece = {
    from: effect.from,
    to: upTo,
    position: replica.position,
    view: effect.view,
    files,
    writes: replica.app.writes,
  }
  deliver(cluster, server, to, { ...from, type: 'copied', ...piece }, 'direct')
}

/** The lines of a public file with positions in (from, to]; they are looked for from the end. */
function linesBetween(bytes: Buffer, from: number, to: number): Buffer {
  let end = bytes.length
  let start = end
  while (start > 0) {
    const before = bytes.lastIndexOf(10, start - 2) + 1
    const n = Number.parseInt(bytes.toString('latin1', before + 5, before + 20), 10)
    if (n <= from) break
    start = before
    if (n > to) end = before
  }
  return bytes.subarray(start, end)
}
