/** One seed: a whole cluster in its weather, then calm, in which it must become whole. */
import type { Rank } from '../src/protocol/replica.ts'
import { createCheck } from './check.ts'
import { startClients } from './clients.ts'
import { createDisk } from './disk.ts'
import { createRandom } from './random.ts'
import { createRef } from './ref.ts'
import { createSchedule } from './schedule.ts'
import { type Cluster, crashServer, isUp, type SimServer, startServer } from './server.ts'
import { drawWeather, type Weather } from './weather.ts'
import { countFault, createWorld, cutLinks, note } from './world.ts'

/** Virtual ms of weather, and of calm within which everything must be whole. */
const RAGE_MS = 20_000
const CALM_MS = 60_000

export type Outcome = {
  seed: number
  weather: Weather
  failures: readonly string[]
  trace: readonly string[]
  faults: ReadonlyMap<string, number>
  positions: number
  acknowledged: number
  virtualMs: number
  /** Virtual ms from the end of the weather until everything was whole. */
  wholeAfterMs: number
}

/** @param profile forces the weather's profile, for seeds that are kept  @param rageMs virtual ms of weather */
export function runSeed(seed: number, profile?: string, rageMs: number = RAGE_MS): Outcome {
  const random = createRandom(seed)
  const weather = drawWeather(random, profile)
  const world = createWorld(createSchedule(), random, weather)
  const check = createCheck((text) => note(world, 'check', text))
  const ranks = Array.from({ length: weather.servers }, (_, i) => (i + 1) as Rank)
  const servers = ranks.map(
    (rank): SimServer => ({
      name: `s${rank}`,
      rank,
      disk: createDisk(),
      life: 0,
      replica: null,
      pausedUntil: 0,
      inbox: [],
    }),
  )
  const cluster: Cluster = { world, servers, check, ref: createRef(world, weather.servers, () => cluster) }
  cluster.ref.start()
  for (const server of servers) world.schedule.after(random.between(0, 300), () => startServer(cluster, server))
  const clients = startClients(cluster, weather.clients)
  unleash(cluster)
  const outcome = { seed, weather, failures: check.failures, trace: world.trace, faults: world.faults }
  let wholeAfterMs = -1
  try {
    world.schedule.runUntil(rageMs)
    calm(cluster)
    clients.stop()
    for (let now = rageMs; now < rageMs + CALM_MS && check.failures.length === 0; now += 250) {
      world.schedule.runUntil(now)
      if (clients.busy > 0 || !isWhole(cluster)) continue
      wholeAfterMs = now - rageMs
      break
    }
    if (check.failures.length === 0 && wholeAfterMs === -1)
      check.fail(`not whole ${CALM_MS} ms after the faults stopped: ${describe(cluster)}`)
    check.finish(clients.operations)
  } catch (error) {
    check.fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  const acknowledged = clients.operations.filter((operation) => operation.result === 'ok').length
  return { ...outcome, positions: check.positions, acknowledged, virtualMs: world.schedule.now, wholeAfterMs }
}

/** Everybody is in one view, and at one position with nothing on the way. */
function isWhole(cluster: Cluster): boolean {
  const replicas = cluster.servers.map((server) => server.replica)
  const first = replicas[0]
  if (!first) return false
  return replicas.every((replica) => {
    if (!replica?.active || replica.position !== first.position) return false
    if (replica.installed?.view.number !== first.installed?.view.number) return false
    return [...replica.logs.values()].every((log) => log.ordered >= log.held)
  })
}

const describe = (cluster: Cluster): string =>
  cluster.servers
    .map(({ name, replica }) => {
      if (replica === null) return `${name} down`
      const state = replica.active ? 'active' : (replica.change?.phase ?? 'learner')
      const logs = [...replica.logs.values()].map(
        ({ origin, ordered, committed, held, wanted, seal, first, skip }) =>
          `${origin} ordered ${ordered} committed ${committed} held ${held} wanted ${wanted} seal ${seal} oldest ${first + skip}`,
      )
      return `${name} ${state} view ${replica.known?.number} position ${replica.position}\n      ${logs.join('\n      ')}`
    })
    .join('\n    ')

/** Plans the faults of the weather, each kind again and again. */
function unleash(cluster: Cluster): void {
  const { world, servers } = cluster
  const { weather, random } = world
  const again = (mean: number, kind: string, fault: () => void): void => {
    if (mean === 0) return
    const plan = (): void => {
      world.schedule.after(random.between(1, mean * 2), () => {
        if (!world.raging) return
        countFault(world, kind)
        fault()
        plan()
      })
    }
    plan()
  }
  const crash = (server: SimServer, power: boolean): void => {
    crashServer(cluster, server, power)
    world.schedule.after(random.between(50, weather.repair), () => startServer(cluster, server))
  }
  const names = servers.map((server) => server.name)
  const othersOf = (name: string): string[] => names.filter((other) => other !== name)
  again(weather.kill, 'kill', () => crash(random.pick(servers), false))
  again(weather.powerCut, 'power cut', () => crash(random.pick(servers), true))
  again(weather.killAll, 'all down', () => {
    const power = random.chance(0.5)
    for (const server of servers) crash(server, power)
  })
  again(weather.killRef, 'ref restart', () => {
    cluster.ref.kill()
    world.schedule.after(random.between(50, weather.repair), () => cluster.ref.start())
  })
  again(weather.cut, 'cut link', () => {
    const name = random.pick(names)
    cutLinks(world, name, [random.pick(othersOf(name))], random.chance(0.6))
  })
  again(weather.isolate, 'isolation', () => {
    const name = random.pick(names)
    cutLinks(world, name, [...othersOf(name), 'broker'], random.chance(0.7))
  })
  again(weather.cutFromRef, 'cut from ref', () => cutLinks(world, random.pick(names), ['ref'], random.chance(0.8)))
  again(weather.pause, 'pause', () => {
    const server = random.pick(servers)
    server.pausedUntil = world.schedule.now + random.between(100, weather.repair)
    note(world, server.name, `is paused until ${server.pausedUntil}`)
  })
}

function calm(cluster: Cluster): void {
  const { world } = cluster
  world.raging = false
  world.cuts.clear()
  world.weather.fsync = Math.min(world.weather.fsync, 10)
  note(world, 'weather', 'the faults stop')
  cluster.ref.start()
  for (const server of cluster.servers) {
    server.pausedUntil = 0
    if (!isUp(server)) startServer(cluster, server)
  }
}
