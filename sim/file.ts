/**
 * A simulated file that is only ever appended to. What was fsynced survives anything but damage; of what was not, a kill
 * keeps all (it is in the page cache), and a power cut any subset of the writes, each of them whole, torn or lost.
 */
import { crc32 } from 'node:zlib'
import type { Random } from './random.ts'

export type SimFile = {
  buffer: Buffer
  length: number
  /** Writes that were not fsynced yet, in order: where each begins; the next begins where it ends. */
  unsynced: number[]
}

export const createFile = (): SimFile => ({ buffer: Buffer.alloc(0), length: 0, unsynced: [] })

export const contents = (file: SimFile): Buffer => file.buffer.subarray(0, file.length)

export function append(file: SimFile, bytes: Uint8Array): void {
  const length = file.length + bytes.length
  if (length > file.buffer.length) {
    const larger = Buffer.alloc(Math.max(4096, length * 2))
    contents(file).copy(larger)
    file.buffer = larger
  }
  file.buffer.set(bytes, file.length)
  file.unsynced.push(file.length)
  file.length = length
}

/** Makes everything before `end` durable. */
export function sync(file: SimFile, end: number): void {
  const first = file.unsynced.findIndex((start) => start >= end)
  file.unsynced = first === -1 ? [] : file.unsynced.slice(first)
}

/** How many bytes no power cut takes. */
export const durable = (file: SimFile): number => file.unsynced[0] ?? file.length

export function truncate(file: SimFile, length: number): void {
  file.buffer.fill(0, length, file.length)
  file.length = Math.min(file.length, length)
  file.unsynced = file.unsynced.filter((start) => start < file.length)
}

/**
 * Forgets what was not fsynced, by chance: per write all, none, or its first part stays; where something is lost before
 * something that stays there are zeros. A public file may also end anywhere behind what was fsynced. A journal is preallocated,
 * and its groups are written one at a time: behind one that is not whole there is nothing.
 * @returns what happened, for counting
 */
export function losePower(
  file: SimFile,
  random: Random,
  of: 'journal' | 'public file',
): ('lost write' | 'torn write')[] {
  const happened: ('lost write' | 'torn write')[] = []
  for (let i = 0; i < file.unsynced.length; i++) {
    const start = file.unsynced[i]!
    const end = file.unsynced[i + 1] ?? file.length
    const kind = random.between(0, 2)
    if (kind === 0 || end === start) continue
    const kept = kind === 1 ? start : random.between(start, end - 1)
    file.buffer.fill(0, kept, of === 'journal' ? file.length : end)
    happened.push(kept === start ? 'lost write' : 'torn write')
  }
  if (of === 'public file' && random.chance(0.5)) truncate(file, random.between(durable(file), file.length))
  file.unsynced = []
  return happened
}

/** Changes some bytes: a flipped bit, or a sector of zeros. @returns whether anything is different now */
export function damage(
  file: SimFile,
  random: Random,
  from: number,
  to: number,
  kind: 'bit flip' | 'zeroed sector',
): boolean {
  if (to <= from) return false
  const at = random.between(from, to - 1)
  if (kind === 'bit flip') {
    file.buffer[at]! ^= 1 << random.between(0, 7)
    return true
  }
  const before = checksum(file, to)
  file.buffer.fill(0, at, Math.min(to, at + 512))
  return checksum(file, to) !== before
}

/** Stands for the SHA-256 of a file's first bytes; fast, and chance does not forge it. */
export const checksum = (file: SimFile, length: number): number => crc32(file.buffer.subarray(0, length))

export const cloneFile = (file: SimFile): SimFile => ({
  buffer: Buffer.from(file.buffer),
  length: file.length,
  unsynced: [...file.unsynced],
})
