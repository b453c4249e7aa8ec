/** MessagePack, behind one interface: the only file that knows which library does it. */
import { Decoder, Encoder } from '@msgpack/msgpack'
import { LIMITS } from './limits.ts'
import { scan } from './scan.ts'

// The decoder's own limits repeat the scan's, in case a caller skips it for bytes of our own making.
const decoder = new Decoder({
  maxStrLength: LIMITS.frameBytes,
  maxBinLength: LIMITS.frameBytes,
  maxArrayLength: LIMITS.frameBytes,
  maxMapLength: LIMITS.frameBytes,
})
const encoder = new Encoder({ ignoreUndefined: true, initialBufferSize: 64 * 1024 })

/** What was received could not be read; the message says what is wrong with it. */
export class MalformedError extends Error {}

/**
 * Encodes a value. Integers that are safe travel as integers; `undefined` fields are left out.
 * @returns a buffer of its own: ZeroMQ does not copy what it sends, so an encoder's scratch buffer must not reach it
 */
export function encode(value: unknown): Uint8Array {
  return encoder.encode(value)
}

/**
 * Decodes one document that somebody else made.
 * @throws {MalformedError} when it is not one complete, reasonable document
 */
export function decode(bytes: Uint8Array): unknown {
  const wrong = scan(bytes)
  if (wrong !== null) throw new MalformedError(wrong)
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw new MalformedError(error instanceof Error ? error.message : String(error))
  }
}
