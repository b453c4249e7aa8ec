/**
 * The cluster's time as this server knows it: the synchronised clock. The only place that reads the machine's clocks for
 * what others see.
 */
import { createPhysical, type PhysicalClock, syncedAt } from '../core/physical.ts'
import { type Config, forRank } from '../platform/config.ts'
import type { Rank } from '../protocol/replica.ts'

export type ClusterTime = {
  /** Milliseconds since 1970, an integer; it never goes back. */
  now(): number
  readonly clock: PhysicalClock
}

/** A clock as wrong as the configuration wants that of this rank to be. */
export function createTime(config: Pick<Config, 'clockSkewMs' | 'clockDriftPpm'>, rank: Rank): ClusterTime {
  const skewMs = forRank(config.clockSkewMs, rank)
  const driftPpm = forRank(config.clockDriftPpm, rank)
  const clock = createPhysical(performance.now(), Date.now(), { skewMs, driftPpm })
  return { now: () => Math.floor(syncedAt(clock, performance.now())), clock }
}
