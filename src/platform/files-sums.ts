/**
 * Sums of a public file's blocks, kept in memory as it is read at the start and as it grows: 4 bytes for 16 KiB. Whoever
 * reads from the file later compares, so what a disk has changed under a running server is noticed and given to nobody.
 */
import { crc32 } from 'node:zlib'
import { DamageError, reading } from './damage.ts'
import { readRange } from './files-lines.ts'

const BLOCK_BYTES = 16 * 1024

/** A public file as far as it may be read: `length` ends with a whole line. */
export type Readable = {
  log: string
  length: number
  /**
   * Bytes [start, end) of it, at most up to `length`.
   * @throws {DamageError} when they are not what was written there
   */
  read(start: number, end: number): Promise<Buffer>
}

export class BlockSums {
  #sums = new Uint32Array(16)
  /** Of the block that is not full yet. */
  #last = 0
  #length = 0

  /** How many bytes they cover. */
  get length(): number {
    return this.#length
  }

  /** Takes the next bytes of the file. */
  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + BLOCK_BYTES - (this.#length % BLOCK_BYTES))
      this.#last = crc32(part, this.#last)
      this.#length += part.length
      at += part.length
      if (this.#length % BLOCK_BYTES === 0) this.#push()
    }
  }

  /** The file as far as it is covered now, whatever is added later. */
  readable(log: string, descriptor: number): Readable {
    const length = this.#length
    const last = this.#last
    const sumOf = (block: number): number => ((block + 1) * BLOCK_BYTES > length ? last : this.#sums[block]!)
    return { log, length, read: (start, end) => readChecked(log, descriptor, length, sumOf, start, end) }
  }

  #push(): void {
    const block = this.#length / BLOCK_BYTES - 1
    if (block >= this.#sums.length) {
      const more = new Uint32Array(this.#sums.length * 2)
      more.set(this.#sums)
      this.#sums = more
    }
    this.#sums[block] = this.#last
    this.#last = 0
  }
}

async function readChecked(
  log: string,
  descriptor: number,
  length: number,
  sumOf: (block: number) => number,
  start: number,
  end: number,
): Promise<Buffer> {
  const stop = Math.min(end, length)
  if (start >= stop) return Buffer.alloc(0)
  const first = Math.floor(start / BLOCK_BYTES)
  const from = first * BLOCK_BYTES
  const upTo = Math.min(Math.ceil(stop / BLOCK_BYTES) * BLOCK_BYTES, length)
  const bytes = await reading(`${log}.jsonl, bytes ${from} to ${upTo}`, () => readRange(descriptor, from, upTo))
  if (from + bytes.length < upTo)
    throw new DamageError(`${log}.jsonl ends at byte ${from + bytes.length}; ${length} were written`)
  for (let at = 0, block = first; at < bytes.length; at += BLOCK_BYTES, block++) {
    const part = bytes.subarray(at, at + BLOCK_BYTES)
    if (crc32(part) === sumOf(block)) continue
    throw new DamageError(
      `${log}.jsonl, bytes ${from + at} to ${from + at + part.length}: not what was written there (CRC-32)`,
    )
  }
  return bytes.subarray(start - from, stop - from)
}
