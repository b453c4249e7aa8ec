/**
 * Lamport's logical clock (Lamport 1978, "Time, Clocks, and the Ordering of Events"; course rule ◆): +1 before each
 * send and each event, the maximum on receive.
 */
import { LIMITS } from '../protocol/limits.ts'

/** A clock beyond this is nobody's: counting to it takes ten thousand years at 10,000 events a second. */
export const CLOCK_LIMIT = 2 ** 52

/** The clock after a send or an event. @throws when it would leave the safe integers */
export function tick(clock: number): number {
  if (clock >= Number.MAX_SAFE_INTEGER) throw new Error('the Lamport clock has reached 2^53-1')
  return clock + 1
}

/** The clock after a message from another process of the cluster. */
export const merge = (own: number, received: number): number => Math.max(received, own)

/** The clock after a message from a client: one that is absurdly far ahead is answered, but not believed. */
export const mergeClient = (own: number, received: number): number =>
  received > own && received - own <= LIMITS.clockLead ? received : own
