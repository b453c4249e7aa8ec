/** The frames around a body: `[identity, …, '', body]` with clients, `[identity, …, stamp, '', body]` with workers. */
import { isStamp } from '../protocol/stamp.ts'

/** More than any chain of brokers and devices needs. */
const MAX_ROUTE = 16

export type ClientMessage = { route: Buffer[]; body: Buffer }
export type WorkerMessage = { stamp: Buffer; body: Buffer }

/** Reads what a client sent, its identity first. @returns null when it has not this form */
export function readClient(frames: Buffer[]): ClientMessage | null {
  const delimiter = delimiterOf(frames, 1)
  if (delimiter === -1 || delimiter > MAX_ROUTE) return null
  return { route: frames.slice(0, delimiter), body: frames[delimiter + 1]! }
}

/** Reads what a worker sent. @returns null when it has not this form */
export function readWorker(frames: Buffer[]): WorkerMessage | null {
  const delimiter = delimiterOf(frames, 2)
  if (delimiter === -1) return null
  const stamp = frames[delimiter - 1]!
  return isStamp(stamp) ? { stamp, body: frames[delimiter + 1]! } : null
}

/** Where the first empty frame is, when exactly one frame follows it; else -1. */
function delimiterOf(frames: Buffer[], from: number): number {
  const at = frames.length - 2
  if (at < from || frames[at]!.length !== 0) return -1
  // The worker's REP socket takes the first empty frame for the delimiter, so there must be no earlier one.
  for (let i = 0; i < at; i++) if (frames[i]!.length === 0) return -1
  return at
}
