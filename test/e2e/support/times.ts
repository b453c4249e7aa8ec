/** The servers' clocks of a cluster, as tools see them. */
import { ask } from '../../../src/cli/ask.ts'
import { type ClockStatus, readClockStatus } from '../../../src/protocol/clock-status.ts'
import type { Cluster } from './cluster.ts'

/** A server's clock when it was read; `at` is this process's time then, which may be wrong by `error`, ms. */
export type ReadClock = ClockStatus & { rank: number; at: number; error: number }

type Listed = { rank: number; endpoint: { peer: string } }

/** Reads the clocks of all servers that answer. */
export async function readClocks({ config }: Cluster): Promise<ReadClock[]> {
  const { servers } = await ask(config.refUrl, 'status')
  const read = async ({ rank, endpoint }: Listed): Promise<ReadClock[]> => {
    const from = performance.now()
    const status = await ask(endpoint.peer, 'status').catch(() => null)
    const to = performance.now()
    const time = readClockStatus(status?.time)
    return time === null ? [] : [{ ...time, rank, at: (from + to) / 2, error: (to - from) / 2 }]
  }
  const clocks = await Promise.all((servers as Listed[]).map(read))
  return clocks.flat().sort((a, b) => a.rank - b.rank)
}

/** Whether all clocks certainly are within so many ms of each other, by what this process measured itself. */
export function areWithin(clocks: readonly ReadClock[], ms: number): boolean {
  const latest = clocks.map(({ now, at, error }) => now - at + error)
  const earliest = clocks.map(({ now, at, error }) => now - at - error)
  return Math.max(...latest) - Math.min(...earliest) <= ms
}

/** Whether every clock says of itself that it is within so many ms of the agreed time, its error included. */
export const sayWithin = (clocks: readonly ReadClock[], ms: number): boolean =>
  clocks.every(({ offsetMs, errorMs }) => errorMs !== null && Math.abs(offsetMs) + errorMs <= ms)

/** Watches that no clock goes back, and that each runs between half and double speed. */
export function createWatch(): {
  look(clocks: readonly ReadClock[]): void
  readonly wrong: string[]
  readonly looks: number
} {
  const last = new Map<number, ReadClock>()
  const wrong: string[] = []
  let looks = 0
  return {
    wrong,
    get looks() {
      return looks
    },
    look(clocks) {
      looks++
      for (const clock of clocks) {
        const before = last.get(clock.rank)
        last.set(clock.rank, clock)
        if (before === undefined) continue
        const ran = clock.now - before.now
        const passed = clock.at - before.at
        const error = clock.error + before.error
        if (ran < 0) wrong.push(`server ${clock.rank} went back by ${-ran} ms`)
        if (ran < (passed - error) / 2 || ran > (passed + error) * 2)
          wrong.push(`server ${clock.rank} ran ${ran} ms in ${passed} ± ${error} ms`)
      }
    },
  }
}
