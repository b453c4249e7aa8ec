/**
 * The cluster's time as this server knows it: the synchronised clock. The only place that reads the machine's clocks for
 * what others see.
 */
import { createPhysical, type PhysicalClock, syncedAt, type Wrong } from '../core/physical.ts'
import type { Config } from '../platform/config.ts'
import { forRank } from '../platform/per-rank.ts'
import type { Rank } from '../protocol/replica.ts'

export type ClusterTime = {
  /** Milliseconds since 1970, an integer; it never goes back. */
  now(): number
  readonly clock: PhysicalClock
  /** From here on the clock is as wrong as the configuration wants it of this rank; before, only ref was told the time. */
  begin(config: Pick<Config, 'clockSkewMs' | 'clockDriftPpm'>, rank: Rank): void
}

export function createTime(): ClusterTime {
  const create = (wrong: Wrong): PhysicalClock => createPhysical(performance.now(), Date.now(), wrong)
  let clock = create({ skewMs: 0, driftPpm: 0 })
  return {
    now: () => Math.floor(syncedAt(clock, performance.now())),
    get clock() {
      return clock
    },
    begin({ clockSkewMs, clockDriftPpm }, rank) {
      clock = create({ skewMs: forRank(clockSkewMs, rank), driftPpm: forRank(clockDriftPpm, rank) })
    },
  }
}
