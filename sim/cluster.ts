/** One seed: a whole cluster in its weather, then calm, in which it must become whole. */
import type { Rank } from '../src/protocol/replica.ts'
import { createBroker } from './broker.ts'
import { createCheck } from './check.ts'
import { createClients } from './clients.ts'
import { countCopies } from './copies.ts'
import { createDisk } from './disk.ts'
import { calm, unleash } from './faults.ts'
import { MOODY_SERVICES } from './moods.ts'
import { checkOperations } from './operations.ts'
import { createProxy } from './proxy.ts'
import { createRandom } from './random.ts'
import { createRef } from './ref.ts'
import { scale } from './scale.ts'
import { createSchedule } from './schedule.ts'
import { type Cluster, type SimServer, startServer } from './server.ts'
import { CLOCKS_PROFILE, createTimes } from './timekeeping.ts'
import { drawWeather, type Weather } from './weather.ts'
import { checkWhole, describe, isWhole } from './whole.ts'
import { createWorld, note, type World } from './world.ts'

/** Virtual ms of calm within which everything must be whole, and then of rest in which it must stay so. */
const CALM_MS = 60_000
const REST_MS = 2000
/** And of rest in which clocks that were off by seconds must come together. */
const SLEW_MS = 20_000
const LOOK_MS = 250

export type Outcome = {
  seed: number
  weather: Weather
  failures: readonly string[]
  /** The last lines of what happened, or all of it for ShiViz when that was asked for. */
  trace: readonly string[]
  shiviz: readonly string[]
  faults: ReadonlyMap<string, number>
  positions: number
  acknowledged: number
  virtualMs: number
  /** Virtual ms from the end of the weather until everything was whole. */
  wholeAfterMs: number
}

export type RunOptions = {
  /** Forces the weather's profile, for seeds that are kept. */
  profile?: string | undefined
  /** Virtual ms of weather, instead of the profile's own. */
  rage?: number
  /** Keep the whole trace. */
  trace?: boolean
}

export function runSeed(seed: number, options: RunOptions = {}): Outcome {
  const random = createRandom(seed)
  const weather = drawWeather(seed, random, options.profile)
  if (options.rage !== undefined) weather.rage = options.rage
  const world = createWorld(createSchedule(), random, weather, options.trace ?? false)
  const cluster = createCluster(world, seed)
  const { check, clients } = cluster
  let wholeAfterMs = -1
  try {
    wholeAfterMs = play(cluster)
  } catch (error) {
    check.fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return {
    ...{ seed, weather, failures: check.failures, trace: world.trace.lines, shiviz: world.trace.full },
    ...{ faults: world.faults, positions: check.lines.size, virtualMs: world.schedule.now, wholeAfterMs },
    acknowledged: clients.operations.filter((operation) => operation.result === 'ok').length,
  }
}

type Whole = Cluster & { clients: ReturnType<typeof createClients> }

function createCluster(world: World, seed: number): Whole {
  const { weather } = world
  const count = weather.scaling > 0 ? 5 : weather.servers
  const get = (): Whole => cluster
  const clients = createClients(get)
  const cluster: Whole = {
    world,
    clients,
    servers: Array.from({ length: count }, (_, i) => createServer(world, (i + 1) as Rank, i < weather.servers)),
    check: createCheck((text) => note(world, 'check', text)),
    ref: createRef(world, weather.servers, get),
    broker: createBroker(world, get, (identity, body) => {
      world.schedule.after(world.random.between(1, world.weather.delay), () => clients.receive(identity, body))
    }),
    proxy: createProxy(world),
    times: createTimes(world, seed, get),
  }
  return cluster
}

function createServer({ random, weather }: World, rank: Rank, wanted: boolean): SimServer {
  const rate = 1 + (random.next() * 2 - 1) * weather.drift
  const offset = random.between(-weather.jump, weather.jump)
  return {
    ...{ name: `s${rank}`, rank, disk: createDisk(), backup: null, life: 0, replica: null, repairing: false, wanted },
    ...{ pausedUntil: 0, fullUntil: 0, inbox: [], fuse: null, rate, offset, suspect: true, spoiled: null },
  }
}

/** @returns after how many ms of calm everything was whole */
function play(cluster: Whole): number {
  const { world, check, clients, servers } = cluster
  const { schedule, random, weather } = world
  cluster.ref.start()
  cluster.broker.start()
  for (const server of servers) schedule.after(random.between(0, 300), () => startServer(cluster, server))
  clients.start(weather.clients)
  const scaled =
    weather.scaling > 0
      ? scale(
          cluster,
          servers.filter((server) => !server.wanted),
        )
      : () => true
  unleash(cluster)
  schedule.runUntil(weather.rage)
  calm(cluster)
  clients.stop()
  for (let now = weather.rage; now < weather.rage + CALM_MS && check.failures.length === 0; now += LOOK_MS) {
    schedule.runUntil(now)
    // A late copy of a request that was answered long ago is work all the same.
    const isBusy = clients.busy > 0 || world.underway > 0 || cluster.broker.unanswered > 0
    if (isBusy || !scaled() || !isWhole(cluster)) continue
    schedule.runUntil(now + REST_MS)
    checkWhole(cluster)
    cluster.times.checkFollowed()
    if (weather.profile === CLOCKS_PROFILE) {
      schedule.runUntil(now + REST_MS + SLEW_MS)
      cluster.times.checkTogether()
    }
    cluster.times.checkEvents(check.lines)
    check.finish()
    checkOperations(
      clients.operations,
      check.lines,
      cluster.proxy.heard,
      check.fail,
      weather.moods > 0 ? MOODY_SERVICES : [],
    )
    countCopies(world, check.lines)
    return now - weather.rage
  }
  if (check.failures.length === 0) check.fail(`not whole ${CALM_MS} ms after the faults stopped: ${describe(cluster)}`)
  return -1
}
