/** Messages between servers as they come in: read with suspicion, and what is kept of them in buffers of its own. */
import type { Complain } from '../platform/socket-complaints.ts'
import { decode } from '../protocol/codec.ts'
import { type ReplicaMessage, readReplicaMessage } from '../protocol/replica.ts'

/** Largest message between servers, bytes. */
export const MESSAGE_BYTES = 4 << 20

/** Reads a message; null, with a complaint, when it is none. */
export function readMessage(body: Buffer, complain: Complain): ReplicaMessage | null {
  let message: ReplicaMessage | null
  try {
    message = readReplicaMessage(decode(body))
  } catch (error) {
    complain('a message between servers could not be read', { wrong: (error as Error).message })
    return null
  }
  if (message === null) {
    complain('dropped a message that is none between servers', { bytes: body.length })
    return null
  }
  // The events stay until everybody has them; what came with them need not.
  if (message.type === 'events') message.lines = copyOf(message.lines)
  return message
}

function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
