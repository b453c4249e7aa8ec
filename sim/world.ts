/** What everything in a simulation shares: time, chance, the network, the trace. */
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'
import type { Weather } from './weather.ts'

export type World = {
  schedule: Schedule
  random: Random
  weather: Weather
  /** While true the weather rages; afterwards everything must become whole. */
  raging: boolean
  /** Directed links that are cut: `from>to`. */
  cuts: Set<string>
  faults: Map<string, number>
  trace: string[]
}

const TRACE_LINES = 400

export function createWorld(schedule: Schedule, random: Random, weather: Weather): World {
  return { schedule, random, weather, raging: true, cuts: new Set(), faults: new Map(), trace: [] }
}

/** Notes something for whoever has to understand a failure; the last few hundred lines are kept. */
export function note(world: World, who: string, text: string): void {
  world.trace.push(`${String(world.schedule.now).padStart(7)} ${who.padEnd(8)} ${text}`)
  if (world.trace.length > TRACE_LINES * 2) world.trace.splice(0, TRACE_LINES)
}

export function countFault(world: World, kind: string): void {
  world.faults.set(kind, (world.faults.get(kind) ?? 0) + 1)
}

/** Carries a message, if the weather lets it. Requests and replies are not doubled: that is what clients' retries do. */
export function carry(
  world: World,
  from: string,
  to: string,
  kind: 'topic' | 'direct' | 'request',
  deliver: () => void,
): void {
  const { random, weather } = world
  if (!world.raging) return world.schedule.after(random.between(1, 3), deliver)
  if (world.cuts.has(`${from}>${to}`)) return countFault(world, 'cut message')
  if (random.chance(kind === 'topic' ? weather.topicLoss : weather.directLoss)) return countFault(world, 'lost message')
  const delay = () => {
    const late = weather.lateness > 0 && random.chance(weather.lateness)
    if (late) countFault(world, 'late message')
    return random.between(1, weather.delay) * (late ? 10 : 1)
  }
  world.schedule.after(delay(), deliver)
  if (kind === 'request' || !random.chance(weather.doubled)) return
  countFault(world, 'doubled message')
  world.schedule.after(delay(), deliver)
}

/** Cuts links both ways, and mends them after a while. */
export function cutLinks(world: World, a: string, others: readonly string[], both: boolean): void {
  const links = others.flatMap((b) => (both ? [`${a}>${b}`, `${b}>${a}`] : [`${a}>${b}`]))
  for (const link of links) world.cuts.add(link)
  note(world, a, `cut off: ${links.join(' ')}`)
  world.schedule.after(world.random.between(100, world.weather.repair), () => {
    for (const link of links) world.cuts.delete(link)
  })
}
