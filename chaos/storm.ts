/**
 * Faults at random, one or two at a time, until told to stop. Never more than a minority of the servers is broken at
 * once, except when all are: then nothing can be promised but that nothing is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hostile } from '../test/e2e/support/hostile/hostile.ts'
import { waitFor } from '../test/e2e/support/wait.ts'
import type { Chance } from './chance.ts'
import { DISK_FAULTS } from './disk-faults.ts'
import type { Fault } from './fault.ts'
import { SERVER_FAULTS } from './server-faults.ts'
import { WIDE_FAULTS } from './wide-faults.ts'

export const FAULTS: readonly Fault[] = [...SERVER_FAULTS, ...DISK_FAULTS, ...WIDE_FAULTS]

export type StormOptions = {
  hostile: Hostile
  faults: readonly Fault[]
  chance: Chance
  /** When it ends, as `Date.now` counts; the signal ends it earlier. What is under way is mended first. */
  until: number
  signal: AbortSignal
  /** Told of every fault when it is over, and of what went wrong with the tools. */
  log(line: string): void
}

export type Storm = {
  /** Per kind, how often it took effect, and how often it did not. */
  fired: Map<string, number>
  missed: Map<string, number>
  /** Faults that could not be made, or after which the cluster did not become whole. */
  failures: string[]
}

/** A second fault, of another part, strikes while the first lasts. */
const SECOND = 0.3
const LONGEST_QUIET_MS = 2500
const READY_LIMIT_MS = 90_000

/** Runs until its end. */
export async function runStorm(options: StormOptions): Promise<Storm> {
  const { hostile, faults, chance, signal, until } = options
  const storm: Storm = { fired: new Map(), missed: new Map(), failures: [] }
  for (const fault of faults) storm.fired.set(fault.kind, 0)
  const broken = new Set<string>()
  const bag = createBag(faults, chance)
  while (!signal.aborted && Date.now() < until) {
    const fault = bag()
    try {
      if (fault.alone === true || fault.scope === 'all') await hostile.whole()
      const target = chooseTarget(fault, options, broken)
      const strikes = [strike(fault, target, options, storm)]
      const second = fault.scope === 'server' && fault.alone !== true && chance.next() < SECOND ? bag() : null
      if (second?.scope === 'infrastructure' && second.alone !== true)
        strikes.push(strike(second, chooseTarget(second, options, broken), options, storm))
      await Promise.all(strikes)
      if (fault.alone === true) await hostile.whole()
      if (fault.scope === 'all') for (const server of hostile.servers) broken.add(server)
    } catch (error) {
      storm.failures.push(`${fault.kind}: ${(error as Error).message.split('\n')[0]}`)
      options.log(`failed: ${storm.failures.at(-1)}`)
    }
    await sleep(chance.between(0, LONGEST_QUIET_MS), null, { signal }).catch(() => {})
    for (const server of broken) if (await hostile.cluster.isReady(server)) broken.delete(server)
  }
  return storm
}

/** Every kind once in random order, then every kind again: so that none is left out for long. */
function createBag(faults: readonly Fault[], chance: Chance): () => Fault {
  let bag: Fault[] = []
  return () => {
    if (bag.length === 0) bag = [...faults]
    return bag.splice(Math.floor(chance.next() * bag.length), 1)[0]!
  }
}

/** While a minority is broken, one of them; otherwise any. */
function chooseTarget({ scope }: Fault, { hostile, chance }: StormOptions, broken: Set<string>): string {
  if (scope === 'infrastructure') return chance.pick(['ref', 'broker', 'proxy'])
  const { servers } = hostile
  const most = Math.floor((servers.length - 1) / 2)
  const target = chance.pick(broken.size >= most && broken.size > 0 ? [...broken] : servers)
  broken.add(target)
  return target
}

async function strike(fault: Fault, target: string, options: StormOptions, storm: Storm): Promise<void> {
  const { hostile, chance, log } = options
  // Whoever is to be broken must be there.
  const isReady = (): Promise<boolean> => hostile.cluster.isReady(target)
  await waitFor(isReady, `${target} to be ready again`, READY_LIMIT_MS)
  const { what, fired } = await fault.strike(hostile, target, chance)
  const counts = fired ? storm.fired : storm.missed
  counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1)
  log(`${fault.kind}: ${what}${fired ? '' : ' (without effect)'}`)
}
