/**
 * What a restart does with the lines behind the last checkpoint. The journal says what they must be, in one of two ways: a
 * copied line stands there as it is; an event that was ordered here stands there without its place.
 *
 * Problem: one step writes to several public files, and a process may be killed between two of them. Then a file has a
 * line whose predecessors in other files are missing. Cutting it would make a file shorter for whoever tails it.
 *
 * Idea: it was written, so everything before it was decided, and all of that is in the journal. If the events found there,
 * put in the total order, have each line that is there at its very place, then what is missing is written now. If not (a
 * power cut may leave anything), the rest is cut.
 */
import { type Origin, readOrigin, type Seqs } from '../protocol/replica.ts'
import { addLine, createLineWriter, type ParsedLine, parseLine, SKIPPED, spans, takeLines, textOf } from './lines.ts'

/** What the journal holds: events by `keyOf(origin, seq)`, copied lines by position. */
export type Journalled = {
  events: ReadonlyMap<string, { log: string; bytes: Uint8Array }>
  copied: ReadonlyMap<number, { log: string; bytes: Uint8Array }>
}

export const keyOf = (origin: string, seq: number): string => `${origin} ${seq}`

/** What lines are applied to, one after the other. */
export type Fold = {
  readonly position: number
  readonly ordered: Readonly<Seqs>
  /** Takes a public line. */
  apply(line: ParsedLine): void
  /** Gives an event the next position. @returns why it has no effect there, or null */
  order(line: ParsedLine): string | null
}

/** Per public file, how many bytes of its tail stay, and the lines to append behind those. */
export type Tails = { keep: Map<string, number>; append: Map<string, Uint8Array> }

type Present = { line: ParsedLine; file: string; bytes: Uint8Array; end: number }

/** Goes on from the checkpoint as far as tails and journal say. @param tails per public file, the bytes behind it */
export function continueTails(tails: ReadonlyMap<string, Uint8Array>, journalled: Journalled, fold: Fold): Tails {
  const present = readTails(tails)
  const keep = new Map([...tails.keys()].map((file) => [file, 0]))
  const parts = new Map<string, Uint8Array[]>()
  const write = (file: string, bytes: Uint8Array): void => {
    const before = parts.get(file)
    if (before === undefined) parts.set(file, [bytes])
    else before.push(bytes)
  }
  let places: ReadonlyMap<number, ParsedLine> | null = null
  for (;;) {
    const n = fold.position + 1
    const there = present.get(n)
    const copied = journalled.copied.get(n)
    if (there !== undefined) {
      if (!isJournalled(there, journalled) || !isNext(there.line, fold)) break
      fold.apply(there.line)
      keep.set(there.file, there.end)
    } else if (copied !== undefined) {
      const line = parseLine(textOf(copied.bytes, 0, copied.bytes.length), copied.log)
      if (line === null || !isNext(line, fold)) break
      fold.apply(line)
      write(copied.log, copied.bytes)
    } else {
      places ??= findPlaces(present, journalled, fold)
      const event = places.get(n)
      if (event === undefined) break
      const reason = fold.order(event)
      write(reason === null ? event.log : SKIPPED, publicLine(n, event, reason, journalled))
    }
  }
  return { keep, append: new Map([...parts].map(([file, lines]) => [file, Buffer.concat(lines)])) }
}

/** The whole lines of each tail, by position; behind one that cannot be read nothing counts. */
function readTails(tails: ReadonlyMap<string, Uint8Array>): Map<number, Present> {
  const present = new Map<number, Present>()
  for (const [file, bytes] of tails) {
    for (const [start, end] of spans(bytes)) {
      const line = parseLine(textOf(bytes, start, end), file)
      if (line === null) break
      present.set(line.n, { line, file, bytes: bytes.subarray(start, end), end })
    }
  }
  return present
}

const isNext = (line: ParsedLine, { ordered }: Fold): boolean => line.seq === (ordered[line.origin] ?? 0) + 1

/** Whether a line is, byte for byte, what the journal says. */
function isJournalled({ line, file, bytes }: Present, journalled: Journalled): boolean {
  const copied = journalled.copied.get(line.n)
  if (copied !== undefined && copied.log === file && Buffer.compare(copied.bytes, bytes) === 0) return true
  const event = journalled.events.get(keyOf(line.origin, line.seq))
  if (event === undefined || event.log !== line.log) return false
  const reason = file === SKIPPED ? line.skipped : null
  return Buffer.compare(publicLine(line.n, line, reason, journalled), bytes) === 0
}

/** An event's public line. */
function publicLine(n: number, { origin, seq }: ParsedLine, reason: string | null, { events }: Journalled): Uint8Array {
  const { log, bytes } = events.get(keyOf(origin, seq))!
  const writer = createLineWriter()
  addLine(writer, n, bytes, 0, bytes.length, reason === null ? undefined : { log, reason })
  return takeLines(writer)
}

/**
 * Which event has which position from here up to the last line that is there; none when the journal's events, in the
 * total order, do not agree with the lines that are there.
 */
function findPlaces(
  present: ReadonlyMap<number, Present>,
  journalled: Journalled,
  fold: Fold,
): Map<number, ParsedLine> {
  const last = Math.max(0, ...present.keys())
  const places = new Map<number, ParsedLine>()
  const ordered: Seqs = { ...fold.ordered }
  const heads = firstEvents(journalled, ordered)
  for (let n = fold.position + 1; n <= last; n++) {
    const copied = journalled.copied.get(n)
    const line =
      copied === undefined ? smallest(heads) : parseLine(textOf(copied.bytes, 0, copied.bytes.length), copied.log)
    if (line === null) return new Map()
    const there = present.get(n)?.line
    if (there !== undefined && (there.origin !== line.origin || there.seq !== line.seq)) return new Map()
    places.set(n, line)
    ordered[line.origin] = line.seq
    const next = eventLine(journalled, line.origin, line.seq + 1)
    if (next === null) heads.delete(line.origin)
    else heads.set(line.origin, next)
  }
  return places
}

/** The next unordered event of each origin. */
function firstEvents(journalled: Journalled, ordered: Seqs): Map<Origin, ParsedLine> {
  const origins = new Set([...journalled.events.keys()].map((key) => key.slice(0, key.indexOf(' ')) as Origin))
  const heads = new Map<Origin, ParsedLine>()
  for (const origin of origins) {
    const line = eventLine(journalled, origin, (ordered[origin] ?? 0) + 1)
    if (line !== null) heads.set(origin, line)
  }
  return heads
}

function eventLine({ events }: Journalled, origin: Origin, seq: number): ParsedLine | null {
  const event = events.get(keyOf(origin, seq))
  return event === undefined ? null : parseLine(textOf(event.bytes, 0, event.bytes.length), event.log)
}

function smallest(heads: ReadonlyMap<Origin, ParsedLine>): ParsedLine | null {
  let first: ParsedLine | null = null
  for (const line of heads.values()) if (first === null || comesBefore(line, first)) first = line
  return first
}

function comesBefore(a: ParsedLine, b: ParsedLine): boolean {
  if (a.clock !== b.clock) return a.clock < b.clock
  const [of, from] = [readOrigin(a.origin)!, readOrigin(b.origin)!]
  return of.rank !== from.rank ? of.rank < from.rank : of.incarnation < from.incarnation
}
