/**
 * The envelope: `{service, id?, data}`, one MessagePack map in one frame, or an array of them (a batch).
 * Lenient in what it accepts (course rule ◆): `timestamp` in any form or missing, `clock` missing or decimal text, text as
 * bytes. docs/protocol.md has the table.
 */
import { errorData, quote, type Refusal, refuse } from './errors.ts'
import { LIMITS } from './limits.ts'
import { checkId } from './names.ts'

export type Data = Record<string, unknown>

/** An envelope as it travels. */
export type Envelope = { service: string; id?: string; data: Data }

/** One request as understood: `wrong` says what is wrong with its form, and then the rest is best effort. */
export type Request = { service: string; id: string | null; data: Data; clock: number; wrong: Refusal | null }

const NO_DATA: Data = {}

/** Reads one decoded envelope. Never throws: a bad one comes back with `wrong` set. */
export function readEnvelope(value: unknown): Request {
  if (!isMap(value)) return bad('', null, `an envelope must be a map {service, data}, got ${quote(value)}`)
  const service = asText(value.service)
  const { data } = value
  const id = asText(value.id ?? null)
  if (id !== null) {
    const refusal = checkId(id)
    if (refusal !== null)
      return { service: isName(service) ? service : '', id: null, data: NO_DATA, clock: 0, wrong: refusal }
  }
  const key = id as string | null
  if (!isName(service)) return bad('', key, `service must be a service's name, got ${quote(service)}`)
  if (data !== undefined && data !== null && !isMap(data))
    return bad(service, key, `data must be a map, got ${quote(data)}`)
  const fields = withTexts(data ?? NO_DATA)
  const clock = readClock(fields.clock)
  if (clock === null)
    return bad(service, key, `clock must be a whole number from 0 to 2^53-1, got ${quote(fields.clock)}`)
  return { service, id: key, data: fields, clock, wrong: null }
}

const isName = (service: unknown): service is string =>
  typeof service === 'string' && service.length > 0 && service.length <= LIMITS.nameLength

/** Reads a Lamport clock, a number or its decimal digits: 0 when missing, null when it is no safe integer ≥ 0. */
export function readClock(value: unknown): number | null {
  if (value === undefined || value === null) return 0
  const clock = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value
  return typeof clock === 'number' && Number.isSafeInteger(clock) && clock >= 0 ? clock : null
}

const DIGITS = /^\d{1,16}$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes that are UTF-8 as text, since some libraries make `bin` of their strings; everything else as it is. */
export function asText(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value
  try {
    return utf8.decode(value)
  } catch {
    return value
  }
}

/** The fields of a request, texts that came as bytes made texts. */
function withTexts(fields: Data): Data {
  let texts = fields
  for (const name in fields) {
    if (!(fields[name] instanceof Uint8Array)) continue
    if (texts === fields) texts = { ...fields }
    texts[name] = asText(fields[name])
  }
  return texts
}

/**
 * Reads a timestamp in any accepted form: ISO text, MessagePack's own timestamp, seconds or milliseconds as a number or
 * its digits. Milliseconds, or null when there is none.
 */
export function readTimestamp(value: unknown): number | null {
  if (typeof value === 'string') return readTimestamp(NUMBER.test(value) ? Number(value) : new Date(value))
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime()
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return null
  // Seconds reach 1e11 in the year 5138, milliseconds had passed it in 1973.
  return Math.round(value < 1e11 ? value * 1000 : value)
}

const NUMBER = /^\d+(\.\d+)?$/

/** Reads a decoded body: its requests, and whether it was a batch (then the reply is one too). */
export function readBody(value: unknown): { requests: Request[]; batch: boolean } {
  if (!Array.isArray(value)) return { requests: [readEnvelope(value)], batch: false }
  if (value.length === 0) return { requests: [bad('', null, 'a batch must not be empty')], batch: false }
  if (value.length > LIMITS.batchEnvelopes) {
    const text = `a batch must have at most ${LIMITS.batchEnvelopes} envelopes, got ${value.length}`
    return { requests: [{ ...bad('', null, text), wrong: refuse('too_large', text) }], batch: false }
  }
  return { requests: value.map(readEnvelope), batch: true }
}

/** A reply's envelope. */
export function replyEnvelope(service: string, id: string | null, data: Data): Envelope {
  return id === null ? { service, data } : { service, id, data }
}

/** The data of an error reply, stamped. */
export function errorReply(refusal: Refusal, timestamp: number, clock: number): Data {
  return { ...errorData(refusal), timestamp, clock }
}

export const isMap = (value: unknown): value is Data =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !(value instanceof Date)

const bad = (service: string, id: string | null, description: string): Request => ({
  service,
  id,
  data: NO_DATA,
  clock: 0,
  wrong: refuse('bad_request', description),
})
