/**
 * Finding lines by position in a public file: its lines begin with `{"n":<position>,` and are sorted by it.
 * All asynchronous: a file may not be in the page cache.
 */
import { read } from 'node:fs'
import type { Readable } from './files-sums.ts'

const PROBE_BYTES = 4096
/** Enough for `{"n":9007199254740991,`. */
const HEAD_BYTES = 24
export const NEWLINE = 10
/** Where the digits begin, behind `{"n":`. */
const DIGITS_AT = 5

/** Reads bytes [start, end) of a file, or as many as there are. */
export async function readRange(descriptor: number, start: number, end: number): Promise<Buffer> {
  return fillFrom(descriptor, start, Buffer.allocUnsafeSlow(Math.max(0, end - start)))
}

/** Fills a buffer with what a file has from `start` on; returns the part of it that was filled. */
export async function fillFrom(descriptor: number, start: number, buffer: Buffer): Promise<Buffer> {
  let filled = 0
  while (filled < buffer.length) {
    const count = await readOnce(descriptor, buffer, filled, start + filled)
    if (count === 0) break
    filled += count
  }
  return filled === buffer.length ? buffer : buffer.subarray(0, filled)
}

function readOnce(descriptor: number, buffer: Buffer, offset: number, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, buffer, offset, buffer.length - offset, at, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

/** The position of the line that begins at an offset of a buffer. @throws when none does */
export function positionAt(buffer: Buffer, start: number): number {
  let n = 0
  let at = start + DIGITS_AT
  for (; at < buffer.length; at++) {
    const digit = buffer[at]! - 0x30
    if (digit < 0 || digit > 9) break
    n = n * 10 + digit
  }
  if (at === start + DIGITS_AT || buffer[start + 2] !== 0x6e)
    throw new Error('a public file has a line without its position')
  return n
}

/**
 * Where the first line with a position above `n` begins; the file's length when there is none.
 * @throws {DamageError} when what is read on the way is damaged
 */
export async function offsetAfter(file: Readable, n: number): Promise<number> {
  let low = 0
  let high = file.length
  // The line that begins at or after `high` is behind the one looked for, or it; every one before `low` is not.
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const line = await firstLine(file, middle)
    if (line === null || line.n > n) high = middle
    else low = line.start + 1
  }
  return (await firstLine(file, low))?.start ?? file.length
}

/** The first line that begins at or after an offset; null when there is none. */
async function firstLine(file: Readable, offset: number): Promise<{ start: number; n: number } | null> {
  let start = offset
  if (offset > 0) {
    // One byte earlier, since a line may begin right here.
    for (let at = offset - 1; ; at += PROBE_BYTES) {
      if (at >= file.length) return null
      const newline = (await file.read(at, at + PROBE_BYTES)).indexOf(NEWLINE)
      if (newline === -1) continue
      start = at + newline + 1
      break
    }
  }
  if (start >= file.length) return null
  return { start, n: positionAt(await file.read(start, start + HEAD_BYTES), 0) }
}
