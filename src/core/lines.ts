/**
 * The lines of the public files. An event's JSON line is made once, at its origin; a public line is that line with its
 * position in front: `{"n":7,"clock":…,"origin":…,"seq":…,"id":…,"time":…,…body}`. An event without effect takes its
 * line in `skipped.jsonl`, with its log and the reason behind.
 */
import type { Data } from '../protocol/envelope.ts'
import { type Origin, readOrigin } from '../protocol/replica.ts'

/** The public file of events without effect. */
export const SKIPPED = 'skipped'
/** Why an event was skipped when its id came before. */
export const DUPLICATE = 'duplicate'
/** The log of refusals (R10). They never have an effect, so all of them stand in `skipped.jsonl`. */
export const REFUSALS = 'refusals'

/** The keys before the body. */
export type LineHead = { clock: number; origin: Origin; seq: number; id: string; time: number }

/** Makes an event's line, newline included. */
export function makeLine(head: LineHead, body: Data): string {
  const { clock, origin, seq, id, time } = head
  const rest = JSON.stringify(body)
  const start = `{"clock":${clock},"origin":"${origin}","seq":${seq},"id":${JSON.stringify(id)},"time":${time}`
  return rest === '{}' ? `${start}}\n` : `${start},${rest.slice(1)}\n`
}

export type ParsedLine = LineHead & { n: number; log: string; skipped: string | null; body: Data }

/**
 * Reads a public line (or, without `n`, an event's line).
 * @param log the file it came from; a skipped line names its own
 * @returns null when it is not such a line
 */
export function parseLine(text: string, log: string): ParsedLine | null {
  let value: Data
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { n = 0, clock, origin, seq, id, time } = value
  if (!Number.isSafeInteger(n) || !Number.isSafeInteger(clock) || !Number.isSafeInteger(seq)) return null
  if (typeof id !== 'string' || typeof time !== 'number' || readOrigin(origin) === null) return null
  const skips = log === SKIPPED
  const own = skips ? value.log : log
  const skipped = skips ? value.skipped : null
  if (typeof own !== 'string' || (skips && typeof skipped !== 'string')) return null
  const body = bodyOf(value, skips)
  return { n, clock, origin, seq, id, time, log: own, skipped, body } as ParsedLine
}

/** The rest of a line. A loop: what the language has for it takes four times as long as parsing the line. */
function bodyOf(line: Data, skips: boolean): Data {
  const body: Data = {}
  for (const key in line) {
    if (key === 'n' || key === 'clock' || key === 'origin' || key === 'seq' || key === 'id' || key === 'time') continue
    if (skips && (key === 'log' || key === 'skipped')) continue
    // A key of a plug-in may have this name; assigning to it would not make it one.
    if (key === '__proto__') Object.defineProperty(body, key, Object.getOwnPropertyDescriptor(line, key)!)
    else body[key] = line[key]
  }
  return body
}

/** Gathers the lines that one step adds to one public file. */
export type LineWriter = { bytes: Buffer; used: number; first: number; last: number }

export const createLineWriter = (): LineWriter => ({ bytes: Buffer.allocUnsafeSlow(8192), used: 0, first: 0, last: 0 })

/** Adds the public line of an event at position `n`; `reason` and `log` only for `skipped.jsonl`. */
export function addLine(
  writer: LineWriter,
  n: number,
  blob: Uint8Array,
  start: number,
  end: number,
  skipped?: { log: string; reason: string },
): void {
  const room = end - start + 32 + (skipped === undefined ? 0 : skipped.log.length + skipped.reason.length + 24)
  if (writer.used + room > writer.bytes.length) grow(writer, room)
  const { bytes } = writer
  let at = writer.used
  at += bytes.write(`{"n":${n},`, at, 'latin1')
  if (skipped === undefined) {
    bytes.set(blob.subarray(start + 1, end), at)
    at += end - start - 1
  } else {
    bytes.set(blob.subarray(start + 1, end - 2), at)
    at += end - start - 3
    at += bytes.write(`,"log":"${skipped.log}","skipped":"${skipped.reason}"}\n`, at, 'latin1')
  }
  writer.used = at
  if (writer.first === 0) writer.first = n
  writer.last = n
}

/** What was gathered, in a buffer of its own; the writer is empty again. */
export function takeLines(writer: LineWriter): Uint8Array {
  const lines = Buffer.allocUnsafeSlow(writer.used)
  writer.bytes.copy(lines, 0, 0, writer.used)
  writer.used = 0
  writer.first = 0
  return lines
}

function grow(writer: LineWriter, room: number): void {
  const bigger = Buffer.allocUnsafeSlow(Math.max(writer.bytes.length * 2, writer.used + room))
  writer.bytes.copy(bigger, 0, 0, writer.used)
  writer.bytes = bigger
}

/** The lines in some bytes: where each begins, and one past its newline. What follows the last newline is none. */
export function* spans(bytes: Uint8Array): Generator<[start: number, end: number]> {
  let start = 0
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    yield [start, at + 1]
    start = at + 1
  }
}

export const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
