/** What everything in a simulation shares: time, chance, the trace, and how often each fault really happened. */
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'
import { createTrace, type Trace } from './trace.ts'
import type { Weather } from './weather.ts'

/** @param name `from>to` */
export type Link = { name: string; sent: number; arrived: number }

export type World = {
  schedule: Schedule
  random: Random
  weather: Weather
  /** While true the weather rages; afterwards everything must become whole. */
  raging: boolean
  /** Directed links that are cut: `from>to`. */
  cuts: Set<string>
  /** How often links were cut. */
  timesCut: number
  /** Per sender and receiver, what was sent last and the latest of what has arrived, to see who overtook whom. */
  links: Map<string, Map<string, Link>>
  /** Copies of requests, and replies, on their way. */
  underway: number
  faults: Map<string, number>
  trace: Trace
}

/** @param full keep the whole trace with vector clocks, not only the last lines */
export function createWorld(schedule: Schedule, random: Random, weather: Weather, full: boolean): World {
  const trace = createTrace(() => schedule.now, full)
  return {
    schedule,
    random,
    weather,
    raging: true,
    cuts: new Set(),
    timesCut: 0,
    links: new Map(),
    underway: 0,
    faults: new Map(),
    trace,
  }
}

/** Notes something for whoever has to understand a failure. */
export const note = (world: World, who: string, text: string): void => world.trace.note(who, text)

export function countFault(world: World, kind: string): void {
  world.faults.set(kind, (world.faults.get(kind) ?? 0) + 1)
}
