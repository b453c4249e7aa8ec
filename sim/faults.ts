/** What goes wrong with processes, disks and clocks, and when; messages are the network's business (network.ts). */
import { cloneDisk, createDisk, damageDisk } from './disk.ts'
import { cutLinks } from './network.ts'
import { type Cluster, crashServer, feed, isUp, restartLater, type SimServer, startServer } from './server.ts'
import { isWatched, split, watchSplits } from './split.ts'
import { PLANNED, type Planned } from './weather.ts'
import { countFault, note } from './world.ts'

/** Every kind of fault there is: in a thousand seeds each must have happened. */
export const FAULT_KINDS: readonly string[] = [
  ...['message lost', 'message doubled', 'message late', 'message overtaken', 'message cut off', 'slow link'],
  ...['cut', 'cut, one way', 'isolation', 'isolation, one way', 'cut from ref', 'cut from ref, one way'],
  ...['split', 'split, one way'],
  ...[
    'cut from broker',
    'cut from broker, one way',
    'kill',
    'power cut',
    'several down',
    'all down',
    'crash in a step',
  ],
  ...['pause', 'pause of half a minute', 'ref restart', 'ref state lost', 'broker restart', 'proxy restart'],
  ...['torn write', 'lost write', 'failed fsync', 'full disk', 'write without room', 'lost disk', 'old backup'],
  ...['bit flip in journal', 'zeroed sector in journal', 'bit flip in public file', 'zeroed sector in public file'],
  ...['bit flip in server.json', 'zeroed sector in server.json', 'bit flip in registry.json'],
  ...['zeroed sector in registry.json', 'public file repaired', 'clock jump', 'server added', 'server taken away'],
  ...['request doubled', 'request retried', 'request sent again by the broker', 'copy of a request'],
  ...['copy of a refused request', 'event made before its refusal was heard of'],
]

const LONG_PAUSE_MS = 30_000

/** Plans the faults of the weather, each kind again and again. */
export function unleash(cluster: Cluster): void {
  const { world } = cluster
  for (const kind of PLANNED) {
    const mean = world.weather.every[kind]
    if (mean === undefined) continue
    const plan = (): void => {
      world.schedule.after(world.random.between(1, mean * 2), () => {
        if (!world.raging) return
        FAULTS[kind](cluster)
        plan()
      })
    }
    plan()
  }
  if (isWatched(world)) watchSplits(cluster)
}

const wanted = (cluster: Cluster): SimServer[] => cluster.servers.filter((server) => server.wanted)

function crash(cluster: Cluster, server: SimServer, power: boolean, kind: string): void {
  if (!isUp(server)) return
  countFault(cluster.world, kind)
  if (!server.suspect && cluster.world.random.chance(0.3)) keepBackup(server, power)
  crashServer(cluster, server, power)
  restartLater(cluster, server)
}

function keepBackup(server: SimServer, power: boolean): void {
  if (power) return
  server.backup = { disk: cloneDisk(server.disk), installed: server.replica!.installed?.view.number ?? 0 }
}

/**
 * Whether a server may lose what its disk holds: never more than N - Q of them at a time, or what was acknowledged may be
 * gone for good. Those that were in a view since have everything again.
 */
function maySuspect(cluster: Cluster, server: SimServer): boolean {
  const servers = wanted(cluster)
  const others = servers.filter((other) => other !== server && other.suspect).length
  return others + 1 <= Math.floor((servers.length - 1) / 2)
}

/** Ends a process and does something to its disk, if the disk may lose what it holds. */
function spoil(cluster: Cluster, spoilDisk: (server: SimServer) => string | null): void {
  const server = cluster.world.random.pick(wanted(cluster))
  if (!isUp(server) || !maySuspect(cluster, server)) return
  crashServer(cluster, server, false)
  const kind = spoilDisk(server)
  if (kind !== null) {
    countFault(cluster.world, kind)
    note(cluster.world, server.name, kind)
    server.suspect = true
    server.spoiled = kind
  }
  restartLater(cluster, server)
}

function cut(
  cluster: Cluster,
  kind: string,
  from: (server: SimServer, others: string[]) => string[],
  both: number,
): void {
  const { world } = cluster
  const server = world.random.pick(wanted(cluster))
  const others = wanted(cluster).flatMap(({ name }) => (name === server.name ? [] : [name]))
  cutLinks(world, server.name, from(server, others), world.random.chance(both), kind)
}

const FAULTS: Record<Planned, (cluster: Cluster) => void> = {
  kill: (cluster) => crash(cluster, cluster.world.random.pick(wanted(cluster)), false, 'kill'),
  'power cut': (cluster) => crash(cluster, cluster.world.random.pick(wanted(cluster)), true, 'power cut'),
  'several down': (cluster) => {
    const { random } = cluster.world
    const power = random.chance(0.5)
    const servers = wanted(cluster).filter(() => random.chance(0.6))
    if (servers.length > 1) for (const server of servers) crash(cluster, server, power, 'several down')
  },
  'all down': (cluster) => {
    const power = cluster.world.random.chance(0.5)
    for (const server of wanted(cluster)) crash(cluster, server, power, 'all down')
  },
  'crash point': ({ world, ...cluster }) => {
    const server = world.random.pick(wanted({ world, ...cluster }))
    server.fuse = { left: world.random.between(0, 40), power: world.random.chance(0.5) }
  },
  'ref restart': ({ world, ref }) => {
    countFault(world, 'ref restart')
    ref.kill()
    world.schedule.after(world.random.between(50, world.weather.repair), () => ref.start())
  },
  'ref state lost': ({ world, ref }) => {
    countFault(world, 'ref state lost')
    ref.kill()
    ref.persisted = null
    world.schedule.after(world.random.between(50, world.weather.repair), () => ref.start())
  },
  'broker restart': ({ world, broker }) => {
    countFault(world, 'broker restart')
    broker.kill()
    world.schedule.after(world.random.between(50, 1000), () => broker.start())
  },
  'proxy restart': ({ world, proxy }) => {
    countFault(world, 'proxy restart')
    proxy.kill()
    world.schedule.after(world.random.between(50, 1000), () => proxy.start())
  },
  cut: (cluster) => cut(cluster, 'cut', (_, others) => [cluster.world.random.pick(others)], 0.6),
  split: (cluster) => split(cluster),
  isolation: (cluster) => cut(cluster, 'isolation', (_, others) => [...others, 'broker'], 0.7),
  'cut from ref': (cluster) => cut(cluster, 'cut from ref', () => ['ref'], 0.7),
  'cut from broker': (cluster) => cut(cluster, 'cut from broker', () => ['broker'], 0.7),
  pause: (cluster) => {
    const { world } = cluster
    const server = world.random.pick(wanted(cluster))
    if (!isUp(server)) return
    const pause = world.random.between(100, world.weather.repair)
    countFault(world, pause > LONG_PAUSE_MS ? 'pause of half a minute' : 'pause')
    server.pausedUntil = world.schedule.now + pause
    note(world, server.name, `is paused until ${server.pausedUntil}`)
  },
  'lost disk': (cluster) =>
    spoil(cluster, (server) => {
      server.disk = createDisk()
      return 'lost disk'
    }),
  damage: (cluster) => spoil(cluster, (server) => damageDisk(server.disk, cluster.world.random)),
  'old backup': (cluster) =>
    spoil(cluster, (server) => {
      const { backup } = server
      // It is noticed once ref has heard of a newer view on that disk; what is set back within a view is not promised.
      if (backup === null || (cluster.ref.persisted?.installed[server.rank] ?? 0) <= backup.installed) return null
      server.disk = cloneDisk(backup.disk)
      return 'old backup'
    }),
  'full disk': (cluster) => {
    const { world } = cluster
    const server = world.random.pick(wanted(cluster))
    if (!isUp(server)) return
    countFault(world, 'full disk')
    server.fullUntil = world.schedule.now + world.random.between(100, world.weather.repair)
    note(world, server.name, `has a full disk until ${server.fullUntil}`)
    feed(cluster, server, { type: 'disk', full: true })
    world.schedule.after(server.fullUntil - world.schedule.now + 1, () =>
      feed(cluster, server, { type: 'disk', full: false }),
    )
  },
  'clock jump': (cluster) => {
    const { world } = cluster
    const server = world.random.pick(wanted(cluster))
    countFault(world, 'clock jump')
    server.offset += world.random.between(-world.weather.jump, world.weather.jump)
    note(world, server.name, `its time of day is off by ${server.offset} ms now`)
  },
}

/** The faults stop: everything runs, and nothing is cut. */
export function calm(cluster: Cluster): void {
  const { world } = cluster
  world.raging = false
  world.cuts.clear()
  world.weather.fsync = Math.min(world.weather.fsync, 10)
  note(world, 'weather', 'the faults stop')
  cluster.ref.start()
  cluster.broker.start()
  cluster.proxy.start()
  for (const server of cluster.servers) {
    server.pausedUntil = 0
    server.fuse = null
    if (server.fullUntil > world.schedule.now) feed(cluster, server, { type: 'disk', full: false })
    server.fullUntil = 0
    startServer(cluster, server)
  }
}
