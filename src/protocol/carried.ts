/**
 * The Lamport clock that an encoded document carries, read and replaced without decoding it: for broker and proxy, who
 * pass documents on. Whoever passes a message on receives it and sends it, so by Lamport's rule its own clock rises to the
 * message's, and what leaves carries that one plus 1.
 *
 * Reading: `firstClock` walks to the `clock` of an envelope, a publication, or the first of an array: a batch is one
 * message, so all of it has one clock. It looks at a bounded number of values, however long the document is.
 *
 * Replacing needs a clock of known width at a known place: what our servers send through others ends with an entry `clock`
 * (replies) or `sent` (publications, whose `clock` is that of their event) of nine bytes, `cf` and a 64-bit integer. Encode
 * WIDE there, then `setLastClock`. A document that ends otherwise is somebody else's and passes as it is.
 */
import { readClock } from './envelope.ts'
import { FIXED, WIDTH } from './scan.ts'

/** Encoded in nine bytes, like every whole number above 2^32: room for any clock. */
export const WIDE = Number.MAX_SAFE_INTEGER

const UINT64 = 0xcf
const VALUE_BYTES = 9
const KEYS = { clock: Buffer.from('\xa5clock', 'latin1'), sent: Buffer.from('\xa4sent', 'latin1') } as const
/** Of a reply, and of a publication. */
type Key = keyof typeof KEYS
const CLOCK = Buffer.from('clock')
const DATA = Buffer.from('data')
/** Values looked at before a document counts as one without a clock. */
const MOST_VALUES = 64

/** The clock at the end of a document, or null when there is none of that form. */
export function lastClock(body: Buffer, key: Key): number | null {
  if (!endsWithClock(body, key)) return null
  const clock = body.readUInt32BE(body.length - 8) * 2 ** 32 + body.readUInt32BE(body.length - 4)
  return Number.isSafeInteger(clock) ? clock : null
}

/** Replaces the clock at the end of a document. @returns false when there is none of that form */
export function setLastClock(body: Buffer, key: Key, clock: number): boolean {
  if (!endsWithClock(body, key)) return false
  body.writeUInt32BE(Math.floor(clock / 2 ** 32), body.length - 8)
  body.writeUInt32BE(clock % 2 ** 32, body.length - 4)
  return true
}

function endsWithClock(body: Buffer, key: Key): boolean {
  const at = body.length - VALUE_BYTES
  return body[at] === UINT64 && isAt(body, at - KEYS[key].length, KEYS[key])
}

function isAt(body: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (body[at + i] !== text[i]) return false
  return true
}

/** The clock of an envelope's data, of a publication, or of the first of an array of them; 0 when none is found. */
export function firstClock(body: Buffer): number {
  const type = body[0] ?? 0
  const at = type >= 0x90 && type <= 0x9f ? 1 : type === 0xdc ? 3 : type === 0xdd ? 5 : 0
  return clockInMap(body, at, true)
}

/** @param outer an envelope's own map: the clock is in its `data` */
function clockInMap(body: Buffer, start: number, outer: boolean): number {
  const type = body[start] ?? 0
  let at = start + 1
  let entries = 0
  if (type >= 0x80 && type <= 0x8f) entries = type & 0x0f
  else if (type === 0xde && at + 2 <= body.length) {
    entries = body.readUInt16BE(at)
    at += 2
  }
  for (let i = 0; i < entries && i < MOST_VALUES; i++) {
    const key = body[at] ?? 0
    const size = key >= 0xa0 && key <= 0xbf ? key & 0x1f : -1
    const text = at + 1
    at = skip(body, at)
    if (at === -1) return 0
    if (size === CLOCK.length && isAt(body, text, CLOCK)) return readNumber(body, at)
    if (outer && size === DATA.length && isAt(body, text, DATA)) return clockInMap(body, at, false)
    at = skip(body, at)
    if (at === -1) return 0
  }
  return 0
}

/** Where the next value begins, or -1 when this one is too large to walk through, or not all there. */
function skip(body: Buffer, start: number): number {
  let at = start
  let left = 1
  for (let values = 0; left > 0; values++) {
    if (values === MOST_VALUES || at >= body.length) return -1
    const type = body[at++]!
    left--
    if (type < 0x80 || type >= 0xe0) continue
    if (type < 0x90) left += (type & 0x0f) * 2
    else if (type < 0xa0) left += type & 0x0f
    else if (type < 0xc0) at += type & 0x1f
    else if (FIXED[type - 0xc0]! >= 0) at += FIXED[type - 0xc0]!
    else {
      const width = WIDTH[type - 0xc0]!
      if (width === 0 || at + width > body.length) return -1
      const size = body.readUIntBE(at, width)
      at += width
      if (type >= 0xdc) left += type >= 0xde ? size * 2 : size
      else at += size
    }
  }
  return at
}

/** A clock as any language writes it, floats of whole numbers and digits included; 0 when it is none. */
function readNumber(body: Buffer, at: number): number {
  const type = body[at] ?? UINT64
  if (type < 0x80) return type
  if (type >= 0xa1 && type <= 0xb0) return readClock(body.toString('latin1', at + 1, at + 1 + (type & 0x1f))) ?? 0
  const size = type === 0xcc ? 1 : type === 0xcd ? 2 : type === 0xce ? 4 : type === UINT64 || type === 0xcb ? 8 : 0
  if (size === 0 || at + 1 + size > body.length) return 0
  if (size < 8) return body.readUIntBE(at + 1, size)
  const high = body.readUInt32BE(at + 1)
  const value = type === 0xcb ? body.readDoubleBE(at + 1) : high * 2 ** 32 + body.readUInt32BE(at + 5)
  return Number.isSafeInteger(value) && value >= 0 ? value : 0
}
