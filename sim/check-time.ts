/**
 * Invariants of time, checked after every step of a timekeeper:
 * - a synchronised clock never goes back, and runs between half and double speed;
 * - in a term at most one server is the coordinator, and nobody follows another;
 * - where a server says the agreed time is, there it is, within the error that it states. The agreed time is defined by the
 *   round that it names: the clock of the coordinator that concluded it, and where that clock was to go;
 * - the agreed time stays among the clocks that do not lie;
 * - nobody goes by an older round after a newer one.
 * And once the faults have stopped: everybody follows one coordinator, and clocks come together.
 */
import type { ParsedLine } from '../src/core/lines.ts'
import { errorAt, rawAt } from '../src/core/physical.ts'
import { clockStatus } from '../src/core/timekeeper.ts'
import { EPOCH_MS, monotonic, type Running, shownBy } from './machine.ts'
import type { World } from './world.ts'

/** Arithmetic in numbers of 13 digits. */
const ROUNDING_MS = 0.01
/** How far honest clocks are off at most: made wrong, set, and drifted for minutes; ms. */
const HONEST_MS = 6500
/** How far off the agreed time a clock may be in the end: less than what is made good quickly, ms. */
const TOGETHER_MS = 100

export type TimeCheck = {
  started(running: Running): void
  stepped(running: Running): void
  announced(rank: number, term: number): void
  /** Everybody is in one view for a while. */
  followed(all: readonly Running[]): void
  /** And has been for long enough that every clock is where it should be. */
  together(all: readonly Running[]): void
  events(lines: ReadonlyMap<number, ParsedLine>): void
}

type Shown = { at: number; shown: number }
/** The agreed time of a round as a function of true time. */
type Agreed = (now: number) => number

export function createTimeCheck(world: World, fail: (what: string) => void): TimeCheck {
  const last = new Map<Running, Shown>()
  const newest = new Map<Running, { term: number; round: number }>()
  const leaders = new Map<number, number>()
  const agreed = new Map<string, Agreed>()
  const { schedule } = world
  // Clocks are set by up to an hour there, all of them.
  const bounded = world.weather.jump === 0

  const runs = (running: Running): void => {
    const at = schedule.now
    const shown = shownBy(world, running)
    const before = last.get(running)
    last.set(running, { at, shown })
    if (before === undefined) return
    const { name } = running.server
    const ran = shown - before.shown
    const passed = at - before.at
    if (ran < 0) fail(`the clock of ${name} goes back by ${-ran} ms`)
    if (ran < passed * 0.5 - ROUNDING_MS || ran > passed * 2 + ROUNDING_MS)
      fail(`the clock of ${name} runs ${ran} ms in ${passed} ms`)
  }
  const leads = (term: number, rank: number, who: string): void => {
    const leader = leaders.get(term) ?? rank
    leaders.set(term, leader)
    if (leader !== rank)
      fail(`${who} takes server ${rank} for the coordinator of term ${term}, which is server ${leader}`)
  }
  const note = ({ keeper, machine }: Running): void => {
    const { clock, corrected, rounds } = keeper
    if (rounds === null || rounds.concluded === 0 || corrected.round !== rounds.round || rounds.running) return
    const key = `${corrected.term}/${corrected.round}`
    const { base, origin, goal } = clock
    const { rate } = clock
    if (!agreed.has(key)) agreed.set(key, (now) => base + (now * machine.rate - origin) * rate + goal)
    const off = agreed.get(key)!(schedule.now) - (EPOCH_MS + schedule.now)
    if (bounded && Math.abs(off) > HONEST_MS)
      fail(`the agreed time of ${key} is ${off} ms off, more than any honest clock`)
  }
  /** What an older term or round says is ignored. */
  const follows = (running: Running): void => {
    const { term, round } = running.keeper.corrected
    const before = newest.get(running)
    newest.set(running, { term, round })
    if (before !== undefined && (term < before.term || (term === before.term && round < before.round)))
      fail(`${running.server.name} takes round ${round} of term ${term} after ${before.round} of ${before.term}`)
  }
  const states = ({ server, keeper, machine }: Running): void => {
    const mono = monotonic(world, machine)
    const { clock, corrected } = keeper
    const error = errorAt(clock, mono)
    if (error === null) return
    const truth = agreed.get(`${corrected.term}/${corrected.round}`)
    if (truth === undefined)
      return fail(`${server.name} has a correction of round ${corrected.round}, which nobody concluded`)
    const off = Math.abs(rawAt(clock, mono) + clock.goal - truth(schedule.now))
    if (off > error + ROUNDING_MS) fail(`${server.name} is ${off} ms off the agreed time and states ${error} ms`)
  }
  const offsetOf = ({ keeper, machine }: Running): number => clockStatus(keeper, monotonic(world, machine)).offsetMs

  return {
    started: (running) => void last.delete(running),
    announced: (rank, term) => leads(term, rank, `server ${rank}`),
    stepped(running) {
      const { keeper, server } = running
      runs(running)
      if (keeper.rounds !== null) leads(keeper.view!.number, keeper.rank, server.name)
      const coordinator = keeper.election?.coordinator ?? null
      if (coordinator !== null) leads(keeper.view!.number, coordinator, server.name)
      note(running)
      follows(running)
      states(running)
    },
    followed(all) {
      const [first] = all
      for (const { keeper, server } of all) {
        const { view, election } = keeper
        if (election?.coordinator == null) fail(`${server.name} knows no coordinator in view ${view?.number}`)
        else if (election.coordinator !== first?.keeper.election?.coordinator) fail(`${server.name} follows another`)
      }
    },
    together(all) {
      for (const running of all) {
        const { server, machine } = running
        const off = offsetOf(running)
        if (!machine.lies && Math.abs(off) > TOGETHER_MS) fail(`${server.name} is still ${off} ms off the agreed time`)
      }
    },
    events(lines) {
      const times = new Map<string, number>()
      for (let n = 1; n <= lines.size; n++) {
        const { origin, time } = lines.get(n)!
        if (time < (times.get(origin) ?? 0)) fail(`${origin}: the event at ${n} is earlier than the one before`)
        times.set(origin, time)
      }
    },
  }
}
