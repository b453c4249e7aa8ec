/**
 * Lamport's logical clock (Lamport 1978, "Time, Clocks, and the Ordering of Events"; course rule ◆): +1 before each
 * send and each event, the maximum on receive.
 */
import { readClock } from '../protocol/envelope.ts'
import { LIMITS } from '../protocol/limits.ts'

/** A process's clock, where nothing else keeps it. */
export type Clock = {
  readonly now: number
  /** The clock for the next message. */
  tick(): number
  /** Takes what a message carried; anything that is no clock is ignored. */
  merge(received: unknown): void
}

export function createClock(): Clock {
  let clock = 0
  return {
    get now() {
      return clock
    },
    tick() {
      clock = tick(clock)
      return clock
    },
    merge(received) {
      clock = mergeTrusted(clock, readClock(received) ?? 0)
    },
  }
}

/** The clock after a send or an event. @throws when it would leave the safe integers */
export function tick(clock: number): number {
  if (clock >= Number.MAX_SAFE_INTEGER) throw new Error('the Lamport clock has reached 2^53-1')
  return clock + 1
}

/** The clock after a message from another process of the cluster. */
export const merge = (own: number, received: number): number => Math.max(received, own)

/**
 * The clock after a message from a process that says it is one of ours, which it does not prove. However far ahead, since
 * a process that has just started is that far behind; but not beyond half of what members of a view may count to
 * (`replica.ts`), so that a forged clock leaves room for ever.
 */
export const mergeTrusted = (own: number, received: number): number =>
  received > own && received <= MOST_TRUSTED ? received : own

const MOST_TRUSTED = 2 ** 51

/** The clock after a message from a client: one that is absurdly far ahead is answered, but not believed. */
export const mergeClient = (own: number, received: number): number =>
  received > own && received - own <= LIMITS.clockLead ? received : own
