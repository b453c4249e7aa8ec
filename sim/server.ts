/** A simulated server: the real replica on a simulated disk, with the real recovery at every start. */
import { createReplica, type Replica, step } from '../src/core/replica.ts'
import { reportOf } from '../src/core/report.ts'
import type { Effect, Input } from '../src/core/types.ts'
import type { Instance, Rank, View } from '../src/protocol/replica.ts'
import { createApplication } from '../src/server/services/index.ts'
import type { SimBroker } from './broker.ts'
import type { Check } from './check.ts'
import { cutPower, type Disk } from './disk.ts'
import { carryOut } from './effects.ts'
import { findDamagedFile, loadDisk } from './load.ts'
import { withMoods } from './moods.ts'
import { carry } from './network.ts'
import type { SimProxy } from './proxy.ts'
import type { SimRef } from './ref.ts'
import { repairFile } from './repair.ts'
import type { SimTimes } from './timekeeping.ts'
import { countFault, note, type World } from './world.ts'

const TICK_MS = 50
const HEARTBEAT_MS = 1000

export type SimServer = {
  name: string
  rank: Rank
  disk: Disk
  /** A copy of the disk from an earlier stop, and the newest view that it had installed. */
  backup: { disk: Disk; installed: number } | null
  /** Grows with every start and crash: what was planned for an earlier life does not happen. */
  life: number
  replica: Replica | null
  /** Started, but waits for another server to repair a public file. */
  repairing: boolean
  /** It is meant to run; false before it is added and after it was taken away. */
  wanted: boolean
  pausedUntil: number
  /** No room on the disk until then. */
  fullUntil: number
  inbox: Input[]
  /** Effects left until the process dies in the middle of a step, or null. */
  fuse: { left: number; power: boolean } | null
  /** Its monotonic clock runs this much faster than true time, and its time of day is this far off, ms. */
  rate: number
  offset: number
  /** Its disk was lost, damaged or set back, and it has not been in a view since. */
  suspect: boolean
  /** What was done to its disk since it ran last. */
  spoiled: string | null
}

export type Cluster = {
  world: World
  servers: SimServer[]
  ref: SimRef
  broker: SimBroker
  proxy: SimProxy
  check: Check
  times: SimTimes
}

export const isUp = (server: SimServer): boolean => server.replica !== null
export const monotonic = (server: SimServer, world: World): number => world.schedule.now * server.rate

/** Starts a server; one whose public files are damaged repairs them first. */
export function startServer(cluster: Cluster, server: SimServer): void {
  const { world } = cluster
  if (server.replica !== null || server.repairing || !server.wanted) return
  const life = ++server.life
  const damaged = findDamagedFile(server.disk)
  if (damaged === null) return run(cluster, server)
  server.repairing = true
  note(world, server.name, `${damaged.log}.jsonl is damaged: asks the others for it`)
  repairFile(cluster, server, damaged, () => {
    if (server.life !== life) return
    server.repairing = false
    countFault(world, 'public file repaired')
    startServer(cluster, server)
  })
}

function run(cluster: Cluster, server: SimServer): void {
  const { world } = cluster
  const app = withMoods(createApplication(), world)
  const { recovery, damaged } = loadDisk(app, server.disk, world.weather.options.windowPositions)
  const { restored } = recovery
  if (damaged !== null) note(world, server.name, `${damaged} is damaged: what cannot be believed is set aside`)
  cluster.check.recovered(server.rank, server.spoiled, damaged)
  server.spoiled = null
  cluster.check.restarted(server.rank, server.disk, server.suspect)
  const instance = `i${server.rank}-${world.random.text()}` as Instance
  server.replica = createReplica(server.rank, instance, app, restored, world.weather.options)
  cluster.times.start(server)
  cluster.check.stepped(server.rank, server.replica)
  note(world, server.name, `starts as ${instance} at position ${restored.checkpoint.position}`)
  if (server.fullUntil > world.schedule.now) feed(cluster, server, { type: 'disk', full: true })
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
  const { world } = cluster
  if (server.replica === null && !server.repairing) return
  server.life++
  server.replica = null
  cluster.times.stop(server)
  server.repairing = false
  server.inbox = []
  server.pausedUntil = 0
  server.fuse = null
  cluster.check.stopped(server.rank, server.disk, power)
  if (power) for (const kind of cutPower(server.disk, world.random)) countFault(world, kind)
  note(world, server.name, power ? 'loses power' : 'is killed')
}

/** Hands an input to a server; a paused one gets it when it goes on. */
export function feed(cluster: Cluster, server: SimServer, input: Input): void {
  const { world } = cluster
  if (server.replica === null) return
  if (server.pausedUntil > world.schedule.now) {
    if (input.type !== 'tick') server.inbox.push(input)
    return
  }
  const { replica, life } = server
  const inputs = server.inbox
  inputs.push(input)
  server.inbox = []
  for (const effect of step(replica, monotonic(server, world), inputs)) {
    burn(cluster, server, effect)
    if (server.life !== life) return
    carryOut(cluster, server, effect)
  }
  if (replica.active) server.suspect = false
  cluster.check.stepped(server.rank, replica)
}

/** Dies before this effect, when its time has come. */
function burn(cluster: Cluster, server: SimServer, effect: Effect): void {
  if (server.fuse === null || server.fuse.left-- > 0) return
  const { power } = server.fuse
  countFault(cluster.world, 'crash in a step')
  note(cluster.world, server.name, `dies before it can ${effect.type}`)
  crashServer(cluster, server, power)
  restartLater(cluster, server)
}

export function restartLater(cluster: Cluster, server: SimServer): void {
  const { world } = cluster
  world.schedule.after(world.random.between(50, world.weather.repair), () => startServer(cluster, server))
}

/** Tells ref that it lives, and how it is. */
export function heartbeat(cluster: Cluster, server: SimServer): void {
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
