/**
 * Simulated timekeeping: the real timekeeper of every server, on clocks that are wrong, drift and are set, over the same
 * network as everything else. It draws from a source of chance of its own, so that seeds mean the same without it.
 */
import type { ParsedLine } from '../src/core/lines.ts'
import { createPhysical } from '../src/core/physical.ts'
import {
  countExchanged,
  createTimekeeper,
  stepTime,
  type TimekeepingEffect,
  type TimekeepingInput,
} from '../src/core/timekeeper.ts'
import type { Instance, View } from '../src/protocol/replica.ts'
import type { TimekeepingMessage } from '../src/protocol/timekeeping.ts'
import { createTimeCheck, type TimeCheck } from './check-time.ts'
import { type Machine, monotonic, type Running, shownBy, wallOf } from './machine.ts'
import { carry } from './network.ts'
import { createRandom } from './random.ts'
import type { Cluster, SimServer } from './server.ts'
import { note, type World } from './world.ts'

const TICK_MS = 100
/** What machines' clocks run wrong by themselves at most, parts per million; the core counts on 100. */
const USUAL_PPM = 99
const MOST_MADE_PPM = 400
/** How far clocks are off, or set to, and one that lies; ms. */
const SKEW_MS = 3000
const LIE_MS = 3_600_000
/** The weather in which clocks are at their worst; in every other they are a bit off. */
export const CLOCKS_PROFILE = 'clocks'

export type SimTimes = {
  start(server: SimServer): void
  stop(server: SimServer): void
  /** A server's synchronised clock, whole ms. */
  now(server: SimServer): number
  exchanged(server: SimServer): void
  checkFollowed(): void
  checkTogether(): void
  checkEvents(lines: ReadonlyMap<number, ParsedLine>): void
}

export function createTimes(world: World, seed: number, cluster: () => Cluster): SimTimes {
  const random = createRandom(seed ^ 0x5bd1e995)
  // The same network with chance, order and faults' counts of its own.
  const own: World = Object.create(world, {
    random: { value: random },
    links: { value: new Map() },
    faults: { value: new Map() },
  })
  const machines = new Map<SimServer, Machine>()
  const running = new Map<SimServer, Running>()
  const check = createTimeCheck(world, (text) => cluster().check.fail(text))
  const wild = world.weather.profile === CLOCKS_PROFILE
  const machineOf = (server: SimServer): Machine => {
    let machine = machines.get(server)
    if (machine === undefined) {
      const lies = wild && server.rank === 2 && random.chance(0.25)
      const skewMs = lies
        ? random.pick([-LIE_MS, LIE_MS])
        : random.between(-1, 1) * random.between(0, wild ? SKEW_MS : 200)
      const driftPpm = wild && random.chance(0.5) ? random.between(-MOST_MADE_PPM, MOST_MADE_PPM) : 0
      machine = { rate: 1 + random.between(-USUAL_PPM, USUAL_PPM) / 1e6, skewMs, driftPpm, set: 0, lies }
      machines.set(server, machine)
    }
    return machine
  }
  const context: Context = { own, world, running, check }
  return {
    checkFollowed: () => check.followed([...running.values()]),
    checkTogether: () => check.together([...running.values()]),
    checkEvents: check.events,
    start(server) {
      const machine = machineOf(server)
      const clock = createPhysical(monotonic(world, machine), wallOf(world, server, machine), machine)
      const { rank, life } = server
      const { instance } = server.replica!
      const started: Running = { server, machine, instance, keeper: createTimekeeper(rank, clock), inbox: [] }
      running.set(server, started)
      check.started(started)
      const again = (): void => {
        if (server.life !== life) return
        if (wild && world.raging && !machine.lies && random.chance(TICK_MS / 8000))
          machine.set = random.between(-SKEW_MS, SKEW_MS)
        tick(context, started)
        world.schedule.after(random.between(TICK_MS - 10, TICK_MS + 10), again)
      }
      world.schedule.after(random.between(0, TICK_MS), again)
    },
    stop: (server) => void running.delete(server),
    now: (server) => Math.floor(shownBy(world, running.get(server)!)),
    exchanged: (server) => countExchanged(running.get(server)!.keeper, 2),
  }
}

type Context = {
  own: World
  world: World
  running: ReadonlyMap<SimServer, Running>
  check: TimeCheck
}

/** What came while the process was paused comes when it goes on, before its timer or after it. */
function tick(context: Context, running: Running): void {
  const { world, own } = context
  const { server, machine } = running
  if (server.pausedUntil > world.schedule.now) return
  const input: TimekeepingInput = { type: 'tick', wall: wallOf(world, server, machine) }
  const waiting = running.inbox
  running.inbox = []
  const inputs = own.random.chance(0.5) ? [...waiting, input] : [input, ...waiting]
  look(context, running)
  for (const one of inputs) step(context, running, one)
}

/** Tells the timekeeper of a view that its server has learned. */
function look(context: Context, running: Running): void {
  const replica = running.server.replica!
  const view: View | null = replica.known
  if (view === null || view.number <= (running.keeper.view?.number ?? 0)) return
  step(context, running, { type: 'view', view, member: replica.origin !== null })
}

function step(context: Context, running: Running, input: TimekeepingInput): void {
  const { world, check } = context
  const effects = stepTime(running.keeper, monotonic(world, running.machine), input)
  check.stepped(running)
  for (const effect of effects) carryOut(context, running, effect)
}

function carryOut(context: Context, { server, instance }: Running, effect: TimekeepingEffect): void {
  const { world, check } = context
  switch (effect.type) {
    case 'send':
      return send(context, server, instance, effect.to, effect.message)
    case 'announce':
      return check.announced(server.rank, effect.term)
    case 'report':
      // The next heartbeat asks ref anyway; one more here would make seeds mean something else.
      return
    case 'log':
      if (effect.level !== 'debug') note(world, server.name, `${effect.text} ${JSON.stringify(effect.fields)}`)
  }
}

function send(
  context: Context,
  server: SimServer,
  instance: Instance,
  to: Instance,
  message: TimekeepingMessage,
): void {
  const { own, world, running } = context
  const from = { rank: server.rank, instance, clock: 0 }
  const other = [...running.values()].find((one) => one.instance === to)
  if (other === undefined) return
  carry(own, server.name, other.server.name, 'direct', () => {
    // A process that died meanwhile hears nothing any more.
    if (running.get(other.server) !== other) return
    const input: TimekeepingInput = { type: 'message', from, message }
    if (other.server.pausedUntil > world.schedule.now) return void other.inbox.push(input)
    look(context, other)
    step(context, other, input)
  })
}
