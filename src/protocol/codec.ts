/**
 * MessagePack, behind one interface: the only file that knows which libraries do it.
 *
 * Two of them, since each is the better half: @msgpack/msgpack keeps whole numbers whole when it encodes (msgpackr sends
 * those above 2^32, so every timestamp in milliseconds, as floats), and msgpackr decodes three times as fast with half
 * the garbage, which is most of what a server spends on a request's bytes.
 */
import { Encoder } from '@msgpack/msgpack'
import { Unpackr } from 'msgpackr'
import { scan } from './scan.ts'

const encoder = new Encoder({ ignoreUndefined: true, initialBufferSize: 64 * 1024 })
// The scan lets no extension through, so msgpackr's own (records, structures) are out of reach.
const decoder = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' })

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
 * Decodes one document that somebody else made. Binary fields are views of `bytes`.
 * @throws {MalformedError} when it is not one complete, reasonable document
 */
export function decode(bytes: Uint8Array): unknown {
  const wrong = scan(bytes)
  if (wrong !== null) throw new MalformedError(wrong)
  try {
    return decoder.unpack(bytes)
  } catch (error) {
    throw new MalformedError(error instanceof Error ? error.message : String(error))
  }
}
