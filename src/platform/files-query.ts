/**
 * Answering a question about one public file: a page of the lines that match, oldest first.
 *
 * Chunk by chunk, and in a chunk only lines that have one of the wanted fields' exact text are parsed: lines are made by
 * JSON.stringify, so equal values have equal text. What one page may scan is bounded; then it has what was found so far
 * and where to go on.
 */
import type { Data } from '../protocol/envelope.ts'
import type { Query } from '../protocol/service.ts'
import { NEWLINE, offsetAfter, positionAt, readRange } from './files-lines.ts'

const CHUNK_BYTES = 512 * 1024
/** Most bytes that one page scans. */
const SCAN_BYTES = 64 << 20

export type Page = {
  items: Data[]
  /** What to give as `before` for the next page, or as `after` when `after` was given; null when there is none. */
  next: number | null
}

/**
 * @param descriptor of the file, null when there is none yet
 * @param length how much of it to look at; it ends with a whole line
 * @param upTo the last position that the answer may know of
 */
export async function queryLines(descriptor: number | null, length: number, query: Query, upTo: number): Promise<Page> {
  if (descriptor === null) return { items: [], next: null }
  const last = Math.min(upTo, query.before === null ? upTo : query.before - 1)
  const end = await offsetAfter(descriptor, length, last)
  if (query.after === null) return scanBackwards(descriptor, end, query)
  return scanForwards(descriptor, await offsetAfter(descriptor, length, query.after), end, query)
}

async function scanBackwards(descriptor: number, end: number, query: Query): Promise<Page> {
  let items: Data[] = []
  let upTo = end
  const stop = Math.max(0, end - SCAN_BYTES)
  while (upTo > 0) {
    const chunk = await chunkBefore(descriptor, upTo)
    const found = matches(chunk, query)
    const room = query.limit - items.length
    items = [...found.slice(-room), ...items]
    upTo -= chunk.length
    // One more than fits means that there is a next page, and so does what was not scanned.
    if (found.length > room || (items.length === query.limit && upTo > 0)) return { items, next: Number(items[0]!.n) }
    if (upTo <= stop && upTo > 0) return { items, next: positionAt(chunk, 0) }
  }
  return { items, next: null }
}

async function scanForwards(descriptor: number, start: number, end: number, query: Query): Promise<Page> {
  const items: Data[] = []
  let at = start
  const stop = start + SCAN_BYTES
  while (at < end) {
    const chunk = await chunkAfter(descriptor, at, end)
    const found = matches(chunk, query)
    const room = query.limit - items.length
    items.push(...found.slice(0, room))
    at += chunk.length
    if (found.length > room || (items.length === query.limit && at < end))
      return { items, next: Number(items.at(-1)!.n) }
    if (at >= stop && at < end) return { items, next: positionAt(chunk, chunk.lastIndexOf(NEWLINE, -2) + 1) }
  }
  return { items, next: null }
}

/** Whole lines, about a chunk of them, that end at an offset. */
async function chunkBefore(descriptor: number, end: number): Promise<Buffer> {
  for (let size = CHUNK_BYTES; ; size *= 2) {
    if (size >= end) return readRange(descriptor, 0, end)
    // One byte more, to see whether the first line is whole.
    const bytes = await readRange(descriptor, end - size - 1, end)
    const start = bytes.indexOf(NEWLINE) + 1
    if (start > 0 && start < bytes.length) return bytes.subarray(start)
  }
}

/** Whole lines, about a chunk of them, that begin at an offset. */
async function chunkAfter(descriptor: number, start: number, end: number): Promise<Buffer> {
  for (let size = CHUNK_BYTES; ; size *= 2) {
    if (start + size >= end) return readRange(descriptor, start, end)
    const bytes = await readRange(descriptor, start, start + size)
    const stop = bytes.lastIndexOf(NEWLINE) + 1
    if (stop > 0) return bytes.subarray(0, stop)
  }
}

/** The lines of a chunk that match, in order. */
function matches(chunk: Buffer, query: Query): Data[] {
  const found = new Map<number, Data>()
  for (const alternative of query.anyOf) {
    const [field] = Object.entries(alternative)
    const text = field === undefined ? '{"n":' : `${JSON.stringify(field[0])}:${JSON.stringify(field[1])}`
    for (let at = chunk.indexOf(text); at !== -1; ) {
      const start = chunk.lastIndexOf(NEWLINE, at) + 1
      const end = chunk.indexOf(NEWLINE, at) + 1
      if (!found.has(start)) {
        const item = readItem(chunk.toString('utf8', start, end), alternative)
        if (item !== null) found.set(start, item)
      }
      at = end === 0 ? -1 : chunk.indexOf(text, end)
    }
  }
  return [...found].sort(([a], [b]) => a - b).map(([, item]) => item)
}

/** A line as clients see it, when it has all fields of an alternative. */
function readItem(line: string, alternative: Data): Data | null {
  const { n, clock, origin, seq, id, time, ...body } = JSON.parse(line) as Data
  for (const [name, value] of Object.entries(alternative)) if (body[name] !== value) return null
  return { n, clock, origin, seq, id, timestamp: time, ...body }
}
