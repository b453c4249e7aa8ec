/** The cluster's time as this server knows it: the only place that reads the wall clock for what others see. */
import type { ClockStatus } from '../protocol/clock-status.ts'

export type ClusterTime = {
  /** Milliseconds since 1970, an integer. */
  now(): number
  /** @param term the number of the newest view, 0 before the first */
  status(term: number): ClockStatus
}

/** A clock that nobody corrects yet, and that says so. */
export const createTime = (): ClusterTime => ({
  now: () => Date.now(),
  status: (term) => ({
    ...{ now: Date.now(), rawOffsetMs: 0, offsetMs: 0, errorMs: null, driftPpm: null, slewing: false },
    ...{ round: 0, coordinator: null, term },
  }),
})
