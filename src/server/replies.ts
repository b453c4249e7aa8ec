/**
 * Replies to clients: the envelopes of a body are answered one by one and leave together, when the last has its answer.
 *
 * Most answers of a batch are the same constant (`{status: "OK"}`), so its data is encoded once for the message and
 * spliced behind each envelope's own few bytes, which are simple enough to write by hand.
 */
import type { Outcome } from '../core/types.ts'
import { setLastClock, WIDE } from '../protocol/carried.ts'
import { encode } from '../protocol/codec.ts'
import { type Data, errorReply, type Request } from '../protocol/envelope.ts'
import { type Refusal, refuse } from '../protocol/errors.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { Found } from './lookups.ts'

/** What a reply says; a question has been looked up by now, and its answer is encoded. */
export type Answer = Exclude<Outcome, { query: unknown }> | { found: Found; stale: boolean }

/** The requests of one body, and the answers so far. */
export type Batch = {
  requests: readonly Request[]
  /** Whether the body was an array: then the reply is one too. */
  isArray: boolean
  answers: (Answer | null)[]
  missing: number
  /** Bytes of what was found for it. */
  found: number
  /** Called when the last answer is there. */
  complete(batch: Batch): void
  /** Gives all of it back to the broker, unanswered, for another server; null when the broker wants an answer. */
  handBack: (() => void) | null
}

/** What goes through the core with a request and comes back with its outcome. */
export type Token = { batch: Batch; index: number }

/** Notes an answer. */
export function answer({ batch, index }: Token, answered: Answer): void {
  if (batch.answers[index] !== null) return
  batch.answers[index] = answered
  if (--batch.missing === 0) batch.complete(batch)
}

/**
 * Notes what was found for a request; when the reply has no room for it, that.
 * @param found null when nobody looked: `hasRoom` had said no
 */
export function answerFound(token: Token, found: Found | null, stale: boolean): void {
  const { batch } = token
  if (found !== null && batch.found + found.bytes.length <= LIMITS.frameBytes) {
    batch.found += found.bytes.length
    return answer(token, { found, stale })
  }
  found?.release()
  batch.found = LIMITS.frameBytes
  answer(token, { refusal: TOO_LARGE })
}

/** Whether anything more may be found for a batch. */
export const hasRoom = ({ batch }: Token): boolean => batch.found < LIMITS.frameBytes

/** Room that each envelope may count on, for an error where its answer is too large. */
const ERROR_BYTES = 512

/**
 * The body of a complete batch's reply, never larger than a frame. The last clock, which is the message's, is of fixed
 * width: brokers replace it (protocol/carried.ts).
 */
export function encodeReply(batch: Batch, timestamp: number, clock: number): Uint8Array {
  const { requests, answers } = batch
  const parts: Uint8Array[] = []
  const constants = new Map<Data, Uint8Array>()
  let room: number = LIMITS.frameBytes - 8
  for (const { service, id } of requests) room -= headerRoom(service, id) + ERROR_BYTES
  let bytes = 8
  for (let i = 0; i < requests.length; i++) {
    const isLast = i === requests.length - 1
    const stamp = isLast ? WIDE : clock
    let part = encodeAnswer(answers[i]!, isLast ? new Map() : constants, timestamp, stamp)
    if (part.length > room + ERROR_BYTES) part = encode(errorReply(TOO_LARGE, timestamp, stamp))
    room -= Math.max(0, part.length - ERROR_BYTES)
    bytes += headerRoom(requests[i]!.service, requests[i]!.id) + part.length
    parts.push(part)
  }
  const out = Buffer.allocUnsafeSlow(bytes)
  let at = batch.isArray ? writeArrayHeader(out, requests.length) : 0
  for (let i = 0; i < parts.length; i++) {
    at = writeHeader(out, at, requests[i]!)
    out.set(parts[i]!, at)
    at += parts[i]!.length
  }
  const body = out.subarray(0, at)
  setLastClock(body, 'clock', clock)
  return body
}

const TOO_LARGE: Refusal = refuse('too_large', `the answer has more than ${LIMITS.frameBytes} bytes; ask for less`)

function encodeAnswer(
  answered: Answer,
  constants: Map<Data, Uint8Array>,
  timestamp: number,
  clock: number,
): Uint8Array {
  if ('refusal' in answered) return encode(errorReply(answered.refusal, timestamp, clock))
  if ('found' in answered) {
    const { found, stale } = answered
    found.release()
    return extendMap(found.bytes, stale ? { stale, timestamp, clock } : { timestamp, clock })
  }
  const { data, stale } = answered
  if (stale === true) return encode({ ...data, stale, timestamp, clock })
  let part = constants.get(data)
  if (part === undefined) {
    part = encode({ ...data, timestamp, clock })
    constants.set(data, part)
  }
  return part
}

/** A small encoded map with a few entries more behind its own. */
function extendMap(map: Uint8Array, more: Data): Uint8Array {
  const entries = encode(more)
  const out = Buffer.allocUnsafeSlow(map.length + entries.length - 1)
  out.set(map)
  out.set(entries.subarray(1), map.length)
  out[0] = map[0]! + (entries[0]! & 0x0f)
  return out
}

// {service: …, id?: …, data: …}: names and ids have at most 64 characters, so at most 192 bytes.
const SERVICE = Buffer.from('\xa7service', 'latin1')
const ID = Buffer.from('\xa2id', 'latin1')
const DATA = Buffer.from('\xa4data', 'latin1')

const headerRoom = (service: string, id: string | null): number =>
  32 + 3 * nameOf(service).length + (id === null ? 0 : 3 * id.length)

/** A request may be refused with a service that no name is as long as. */
const nameOf = (service: string): string => (service.length > LIMITS.nameLength ? '' : service)

function writeArrayHeader(out: Buffer, length: number): number {
  if (length < 16) {
    out[0] = 0x90 | length
    return 1
  }
  out[0] = 0xdc
  out.writeUInt16BE(length, 1)
  return 3
}

function writeHeader(out: Buffer, start: number, { service, id }: Request): number {
  let at = start
  out[at++] = id === null ? 0x82 : 0x83
  at = writeBytes(out, at, SERVICE)
  at = writeText(out, at, nameOf(service))
  if (id !== null) {
    at = writeBytes(out, at, ID)
    at = writeText(out, at, id)
  }
  return writeBytes(out, at, DATA)
}

function writeBytes(out: Buffer, at: number, bytes: Buffer): number {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!
  return at + bytes.length
}

/** A string of at most 255 bytes. */
function writeText(out: Buffer, at: number, text: string): number {
  const { length } = text
  const begin = length < 32 ? at + 1 : at + 2
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return writeUtf8(out, at, text)
    out[begin + i] = unit
  }
  if (length < 32) out[at] = 0xa0 | length
  else {
    out[at] = 0xd9
    out[at + 1] = length
  }
  return begin + length
}

function writeUtf8(out: Buffer, at: number, text: string): number {
  const length = out.write(text, at + 2, 'utf8')
  out[at] = 0xd9
  out[at + 1] = length
  return at + 2 + length
}
