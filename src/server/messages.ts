/** Messages between servers as they come in: read with suspicion, and what is kept of them in buffers of its own. */
import type { Complain } from '../platform/socket-complaints.ts'
import { decode } from '../protocol/codec.ts'
import { type ReplicaMessage, readReplicaMessage } from '../protocol/replica.ts'
import { readTimekeeping, type TimekeepingEnvelope } from '../protocol/timekeeping.ts'

/** Largest message between servers, bytes. */
export const MESSAGE_BYTES = 4 << 20

export type Receivers = {
  onMessage(message: ReplicaMessage): void
  onTimekeeping(envelope: TimekeepingEnvelope): void
  complain: Complain
}

/** Reads a message and hands it to who it is for; complains when it is none. */
export function receiveMessage(body: Buffer, { onMessage, onTimekeeping, complain }: Receivers): void {
  let value: unknown
  try {
    value = decode(body)
  } catch (error) {
    return complain('a message between servers could not be read', { wrong: (error as Error).message })
  }
  const message = readReplicaMessage(value)
  if (message === null) {
    const envelope = readTimekeeping(value)
    if (envelope !== null) return onTimekeeping(envelope)
    return complain('dropped a message that is none between servers', { bytes: body.length })
  }
  // The events stay until everybody has them; what came with them need not.
  if (message.type === 'events') message.lines = copyOf(message.lines)
  onMessage(message)
}

function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
