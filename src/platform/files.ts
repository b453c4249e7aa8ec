/**
 * The public files `<log>.jsonl` as they grow: whole lines at the end, and of each its length and running SHA-256, so
 * that a checkpoint can state both for its instant without reading anything again, and the sums of its blocks, for all
 * who read from it.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fdatasync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BlockSums, type Readable } from './files-sums.ts'
import { isFull, type WriterOptions } from './journal-writer.ts'

export type FileState = { bytes: number; sha256: string }

type PublicFile = {
  descriptor: number
  /** Of all that was handed over. */
  length: number
  hash: Hash
  /** What of it is not in the file yet: whole lines, and how many bytes of them are. */
  pending: { lines: Uint8Array; written: number }[]
  /** Of what is. */
  sums: BlockSums
  dirty: boolean
}

export const publicPath = (directory: string, log: string): string => join(directory, `${log}.jsonl`)

const dataSync = promisify(fdatasync)
const RETRY_MS = 1000

export type PublicFilesOptions = WriterOptions & { directory: string }

export class PublicFiles {
  readonly #options: PublicFilesOptions
  readonly #files = new Map<string, PublicFile>()
  #retry: NodeJS.Timeout | null = null
  #whenWritten: (() => void)[] = []

  constructor(options: PublicFilesOptions) {
    this.#options = options
  }

  /** Takes over a file, or begins it. @param hash @param sums of what is in it, if anything is */
  open(log: string, hash: Hash = createHash('sha256'), sums: BlockSums = new BlockSums()): void {
    const descriptor = openSync(publicPath(this.#options.directory, log), 'a+')
    this.#files.set(log, { descriptor, length: sums.length, hash, pending: [], sums, dirty: true })
  }

  /** Appends whole lines. */
  append(log: string, lines: Uint8Array): void {
    if (!this.#files.has(log)) this.open(log)
    const file = this.#files.get(log)!
    file.hash.update(lines)
    file.length += lines.length
    file.dirty = true
    file.pending.push({ lines, written: 0 })
    if (file.pending.length === 1) this.#write(file)
  }

  /** The logs there are, sorted. */
  get logs(): string[] {
    return [...this.#files.keys()].sort()
  }

  /** Whether a file lacks lines that found no room yet. */
  isBehind(log: string): boolean {
    return (this.#files.get(log)?.pending.length ?? 0) > 0
  }

  /** All files, as far as they may be read. */
  readable(): Readable[] {
    return this.logs.map((log) => {
      const { descriptor, sums } = this.#files.get(log)!
      return sums.readable(log, descriptor)
    })
  }

  /** Length and digest of every file as it stands, and what makes that much of them durable. */
  mark(): { files: Record<string, FileState>; sync: () => Promise<void> } {
    const states = this.logs.map((log): [string, FileState] => {
      const { length, hash } = this.#files.get(log)!
      return [log, { bytes: length, sha256: hash.copy().digest('hex') }]
    })
    const dirty = [...this.#files.values()].filter((file) => file.dirty)
    for (const file of dirty) file.dirty = false
    const sync = async (): Promise<void> => {
      if (dirty.some((file) => file.pending.length > 0)) await this.#written()
      for (const file of dirty) await dataSync(file.descriptor)
    }
    return { files: Object.fromEntries(states), sync }
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    for (const { descriptor } of this.#files.values()) closeSync(descriptor)
  }

  /** Resolves when all that was handed over is in the files. */
  #written(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenWritten.push(resolve)
      this.#tellWritten()
    })
  }

  #tellWritten(): void {
    if ([...this.#files.values()].some((file) => file.pending.length > 0)) return
    for (const resolve of this.#whenWritten.splice(0)) resolve()
  }

  #write(file: PublicFile): void {
    try {
      for (let next = file.pending[0]; next !== undefined; next = file.pending[0]) {
        const { lines } = next
        while (next.written < lines.length) {
          next.written += writeSync(file.descriptor, lines, next.written)
        }
        file.sums.update(lines)
        file.pending.shift()
      }
    } catch (error) {
      if (!isFull(error as Error)) return this.#options.onFailure(error as Error)
      this.#options.onFull()
      this.#retry ??= setTimeout(() => this.#writeAgain(), RETRY_MS).unref()
    }
  }

  #writeAgain(): void {
    this.#retry = null
    for (const file of this.#files.values()) if (file.pending.length > 0) this.#write(file)
    this.#tellWritten()
  }
}
