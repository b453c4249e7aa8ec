/**
 * The services' state from nothing but the public files, for a snapshot that is missing or lacks a service: their lines in
 * the order of their positions, a piece of each file at a time, however long the files are.
 */
import { type ParsedLine, parseLine, spans, textOf } from '../core/lines.ts'
import type { Application } from '../protocol/service.ts'
import { DamageError } from './damage.ts'
import { NEWLINE } from './files-lines.ts'
import type { Readable } from './files-sums.ts'

const CHUNK_BYTES = 1 << 20

/**
 * @param files of the logs that are folded
 * @param chunkBytes how much of each is read at once; no line is longer
 * @throws {DamageError} when a line cannot be read
 */
export async function foldFiles(
  app: Application,
  files: readonly Readable[],
  chunkBytes = CHUNK_BYTES,
): Promise<unknown> {
  const state = app.create()
  const ahead = await Promise.all(files.map((file) => openLines(file, chunkBytes)))
  for (;;) {
    const first = ahead.reduce<Lines | null>((best, one) => (positionOf(one) < positionOf(best) ? one : best), null)
    if (first === null) return state
    const line = first.held[first.next++]!
    app.folds.get(line.log)?.apply?.(line, state)
    if (first.next === first.held.length) await readOn(first)
  }
}

/** The lines of a file that were read and not taken yet. */
type Lines = { file: Readable; chunkBytes: number; at: number; held: ParsedLine[]; next: number }

const positionOf = (lines: Lines | null): number => lines?.held[lines.next]?.n ?? Number.POSITIVE_INFINITY

async function openLines(file: Readable, chunkBytes: number): Promise<Lines> {
  const lines: Lines = { file, chunkBytes, at: 0, held: [], next: 0 }
  await readOn(lines)
  return lines
}

async function readOn(lines: Lines): Promise<void> {
  const { file, at, chunkBytes } = lines
  Object.assign(lines, { held: [], next: 0 })
  if (at >= file.length) return
  const chunk = await file.read(at, at + chunkBytes)
  const whole = chunk.subarray(0, chunk.lastIndexOf(NEWLINE) + 1)
  if (whole.length === 0) throw new DamageError(`${file.log}.jsonl has a line without an end at byte ${at}`)
  for (const [start, end] of spans(whole)) {
    const line = parseLine(textOf(whole, start, end), file.log)
    if (line === null) throw new DamageError(`${file.log}.jsonl has an unreadable line at byte ${at + start}`)
    lines.held.push(line)
  }
  lines.at += whole.length
}
