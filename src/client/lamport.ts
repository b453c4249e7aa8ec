/** The client's Lamport clock: +1 before each send, the larger of both on each receive. */
import { readClock } from '../protocol/envelope.ts'

export type Clock = { readonly now: number; tick(): number; merge(received: unknown): void }

export function createClock(): Clock {
  let clock = 0
  return {
    get now() {
      return clock
    },
    tick: () => ++clock,
    merge(received) {
      const value = readClock(received)
      if (value !== null && value > clock) clock = value
    },
  }
}
