/**
 * Answering a question about one public file: a page of the lines that match, oldest first.
 *
 * Chunk by chunk, and in a chunk only lines that have one of the wanted fields' exact text are parsed: lines are made by
 * JSON.stringify, so equal values have equal text. What one page may scan is bounded; then it has what was found so far
 * and where to go on.
 */
import type { Data } from '../protocol/envelope.ts'
import type { Query } from '../protocol/service.ts'
import { NEWLINE, offsetAfter, positionAt } from './files-lines.ts'
import type { Readable } from './files-sums.ts'

const CHUNK_BYTES = 512 * 1024
/** Most bytes that one page scans, and that its lines have: a reply is one frame. */
const SCAN_BYTES = 64 << 20
const PAGE_BYTES = 512 * 1024

export type Page = {
  items: Data[]
  /** What to give as `before` for the next page, or as `after` when `after` was given; null when there is none. */
  next: number | null
}

/**
 * @param file null when there is none yet
 * @param upTo the last position that the answer may know of
 * @throws {DamageError} when what is read is damaged
 */
export async function queryLines(file: Readable | null, query: Query, upTo: number): Promise<Page> {
  if (file === null) return { items: [], next: null }
  const last = Math.min(upTo, query.before === null ? upTo : query.before - 1)
  const end = await offsetAfter(file, last)
  if (query.after === null) return scanBackwards(file, end, query)
  return scanForwards(file, await offsetAfter(file, query.after), end, query)
}

async function scanBackwards(file: Readable, end: number, query: Query): Promise<Page> {
  const page: Match[] = []
  let bytes = 0
  const finish = (next: number | null): Page => ({ items: page.reverse().map(({ item }) => item), next })
  for (let upTo = end; upTo > 0; ) {
    const chunk = await chunkBefore(file, upTo)
    for (const match of matches(chunk, query).reverse()) {
      // One more than fits means that there is a next page.
      if (isComplete(page, bytes + match.bytes, query)) return finish(page.at(-1)!.n)
      page.push(match)
      bytes += match.bytes
    }
    upTo -= chunk.length
    if (end - upTo >= SCAN_BYTES && upTo > 0) return finish(positionAt(chunk, 0))
  }
  return finish(null)
}

async function scanForwards(file: Readable, start: number, end: number, query: Query): Promise<Page> {
  const page: Match[] = []
  let bytes = 0
  const finish = (next: number | null): Page => ({ items: page.map(({ item }) => item), next })
  for (let at = start; at < end; ) {
    const chunk = await chunkAfter(file, at, end)
    for (const match of matches(chunk, query)) {
      if (isComplete(page, bytes + match.bytes, query)) return finish(page.at(-1)!.n)
      page.push(match)
      bytes += match.bytes
    }
    at += chunk.length
    if (at - start >= SCAN_BYTES && at < end) return finish(positionAt(chunk, chunk.lastIndexOf(NEWLINE, -2) + 1))
  }
  return finish(null)
}

/** @param bytes with one match more */
const isComplete = (page: readonly Match[], bytes: number, query: Query): boolean =>
  page.length > 0 && (page.length >= query.limit || bytes > PAGE_BYTES)

/** Whole lines, about a chunk of them, that end at an offset. */
async function chunkBefore(file: Readable, end: number): Promise<Buffer> {
  for (let size = CHUNK_BYTES; ; size *= 2) {
    if (size >= end) return file.read(0, end)
    // One byte more, to see whether the first line is whole.
    const bytes = await file.read(end - size - 1, end)
    const start = bytes.indexOf(NEWLINE) + 1
    if (start > 0 && start < bytes.length) return bytes.subarray(start)
  }
}

/** Whole lines, about a chunk of them, that begin at an offset. */
async function chunkAfter(file: Readable, start: number, end: number): Promise<Buffer> {
  for (let size = CHUNK_BYTES; ; size *= 2) {
    if (start + size >= end) return file.read(start, end)
    const bytes = await file.read(start, start + size)
    const stop = bytes.lastIndexOf(NEWLINE) + 1
    if (stop > 0) return bytes.subarray(0, stop)
  }
}

type Match = { n: number; bytes: number; item: Data }

/** The lines of a chunk that match, in order. */
function matches(chunk: Buffer, query: Query): Match[] {
  const found = new Map<number, Match>()
  for (const alternative of query.anyOf) {
    const [field] = Object.entries(alternative)
    const text = field === undefined ? '{"n":' : `${JSON.stringify(field[0])}:${JSON.stringify(field[1])}`
    for (let at = chunk.indexOf(text); at !== -1; ) {
      const start = chunk.lastIndexOf(NEWLINE, at) + 1
      const end = chunk.indexOf(NEWLINE, at) + 1
      if (!found.has(start)) {
        const item = readItem(chunk.toString('utf8', start, end), alternative)
        if (item !== null) found.set(start, { n: Number(item.n), bytes: end - start, item })
      }
      at = end === 0 ? -1 : chunk.indexOf(text, end)
    }
  }
  return [...found.values()].sort((a, b) => a.n - b.n)
}

/** A line as clients see it, when it has all fields of an alternative. */
function readItem(line: string, alternative: Data): Data | null {
  const { n, clock, origin, seq, id, time, ...body } = JSON.parse(line) as Data
  for (const [name, value] of Object.entries(alternative)) if (body[name] !== value) return null
  return { n, clock, origin, seq, id, timestamp: time, ...body }
}
