/** A call that waits for its reply, and the batches in which calls travel. */
import type { Data, Envelope } from '../protocol/envelope.ts'
import type { CallError } from './error.ts'

export type Call = {
  envelope: Envelope
  /** When to give up, milliseconds. */
  deadline: number
  /** How often it was sent or put off. */
  attempts: number
  /** The batch that it travels in, 0 when in none. */
  batch: number
  settled: boolean
  /** It goes in a body of its own: the batch that it was in was refused as a whole, for one of its calls. */
  alone: boolean
  /** Why the last attempt failed. */
  error: CallError | null
  resolve(data: Data): void
  /** @param reason a CallError, or why whoever called does not want the reply any more */
  reject(reason: unknown): void
}

export type Batch = {
  calls: Call[]
  broker: number
  sentAt: number
  /** When it may be sent again, and when the first of its calls gives up. */
  dueAt: number
  deadline: number
  /** Its calls travel in a newer batch. */
  stale: boolean
}

/** When the first of the calls that still wait gives up; infinity when none waits. */
export function firstDeadline(calls: readonly Call[]): number {
  let first = Number.POSITIVE_INFINITY
  for (const call of calls) if (!call.settled && call.deadline < first) first = call.deadline
  return first
}
