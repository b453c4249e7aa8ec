/**
 * What a restart does with the lines behind the last checkpoint. The journal says what they must be, in one of two ways: a
 * copied line stands there as it is; an event that was ordered here stands there without its place.
 *
 * Problem: one step writes to several public files, and a process may be killed between two of them. Then a file has a
 * line whose predecessors in other files are missing. Cutting it would make a file shorter for whoever tails it.
 *
 * Idea: it was written, so everything before it was decided, and all of that is in the journal. The journal's events in the
 * total order say which event has which position, as far as the last line that stands where they say. Up to there, what is
 * missing or not what it should be is written now; copied lines are written in any case; the rest is cut.
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
  /**
   * Gives an event the next position.
   * @param written why it has no effect there by the public line that stands there; null when there is none or it has one
   * @returns why it has no effect there, or null
   */
  order(line: ParsedLine, written: string | null): string | null
}

/** Per public file, how many bytes of its tail stay, and the lines to append behind those. */
export type Tails = { keep: Map<string, number>; append: Map<string, Uint8Array> }

type Present = { line: ParsedLine; file: string; start: number; end: number; bytes: Uint8Array }
type Place = { line: ParsedLine; isCopied: boolean }

/** Goes on from the checkpoint as far as tails and journal say. @param tails per public file, the bytes behind it */
export function continueTails(tails: ReadonlyMap<string, Uint8Array>, journalled: Journalled, fold: Fold): Tails {
  const present = readTails(tails)
  const places = findPlaces(present, journalled, fold)
  const keep = new Map([...tails.keys()].map((file) => [file, 0]))
  const parts = new Map<string, Uint8Array[]>()
  for (const { line, isCopied } of places) {
    const n = fold.position + 1
    if (line.seq !== (fold.ordered[line.origin] ?? 0) + 1) break
    let reason = line.skipped
    if (isCopied) fold.apply(line)
    else reason = fold.order(line, present.get(n)?.find((one) => isSameEvent(one.line, line))?.line.skipped ?? null)
    const file = reason === null ? line.log : SKIPPED
    const bytes = isCopied ? journalled.copied.get(n)!.bytes : publicLine(n, line, reason, journalled)
    const there = present.get(n)?.find((one) => one.file === file && Buffer.compare(one.bytes, bytes) === 0)
    const before = parts.get(file)
    // Only what continues the file as it stands can stay.
    if (there !== undefined && before === undefined && there.start === keep.get(file)) keep.set(file, there.end)
    else if (before === undefined) parts.set(file, [bytes])
    else before.push(bytes)
  }
  return { keep, append: new Map([...parts].map(([file, lines]) => [file, Buffer.concat(lines)])) }
}

const isSameEvent = (a: ParsedLine, b: ParsedLine): boolean => a.origin === b.origin && a.seq === b.seq

/** The whole lines of each tail, by the position that they state; behind one that cannot be read nothing counts. */
function readTails(tails: ReadonlyMap<string, Uint8Array>): Map<number, Present[]> {
  const present = new Map<number, Present[]>()
  for (const [file, tail] of tails) {
    for (const [start, end] of spans(tail)) {
      const line = parseLine(textOf(tail, start, end), file)
      if (line === null) break
      const one = { line, file, start, end, bytes: tail.subarray(start, end) }
      const others = present.get(line.n)
      if (others === undefined) present.set(line.n, [one])
      else others.push(one)
    }
  }
  return present
}

/**
 * What stands at each position from here on: copied lines as they are, and between them the journal's events in the total
 * order. It ends with the last line that is there at the position that it has by this, or with the copied lines behind.
 */
function findPlaces(present: ReadonlyMap<number, readonly Present[]>, journalled: Journalled, fold: Fold): Place[] {
  let last = 0
  for (const positions of [present, journalled.copied]) for (const n of positions.keys()) last = Math.max(last, n)
  const ordered: Seqs = { ...fold.ordered }
  const heads = last > fold.position ? firstEvents(journalled, ordered) : new Map<Origin, ParsedLine>()
  const places: Place[] = []
  let sure = 0
  for (let n = fold.position + 1; n <= last; n++) {
    const copied = journalled.copied.get(n)
    const line =
      copied !== undefined ? parseLine(textOf(copied.bytes, 0, copied.bytes.length), copied.log) : smallest(heads)
    if (line === null) break
    places.push({ line, isCopied: copied !== undefined })
    const isThere = present.get(n)?.some((one) => isSameEvent(one.line, line))
    // What was copied continued what had been ordered here, so that was decided, too.
    const isCopied = copied !== undefined && line.seq === (ordered[line.origin] ?? 0) + 1
    if (isThere || isCopied) sure = places.length
    ordered[line.origin] = line.seq
    const next = eventLine(journalled, line.origin, line.seq + 1)
    if (next === null) heads.delete(line.origin)
    else heads.set(line.origin, next)
  }
  return places.slice(0, sure)
}

/** An event's public line. */
function publicLine(n: number, { origin, seq }: ParsedLine, reason: string | null, { events }: Journalled): Uint8Array {
  const { log, bytes } = events.get(keyOf(origin, seq))!
  const writer = createLineWriter()
  addLine(writer, n, bytes, 0, bytes.length, reason === null ? undefined : { log, reason })
  return takeLines(writer)
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
