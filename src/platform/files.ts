/**
 * The public files `<log>.jsonl` as they grow: whole lines at the end, and of each its length and running SHA-256, so
 * that a checkpoint can state both for its instant without reading anything again.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Readable } from './files-copy.ts'
import { isFull } from './journal.ts'

export type FileState = { bytes: number; sha256: string }

type PublicFile = {
  descriptor: number
  /** Of all that was handed over. */
  length: number
  hash: Hash
  /** What of it is not in the file yet, and how long the file is up to a whole line. */
  pending: Uint8Array[]
  written: number
  dirty: boolean
}

export const publicPath = (directory: string, log: string): string => join(directory, `${log}.jsonl`)

const dataSync = promisify(fdatasync)
const RETRY_MS = 1000

export type PublicFilesOptions = {
  directory: string
  /** After such an error nobody knows what is on the disk: the process must end. */
  onFailure(error: Error): void
  /** There was no room for some lines; they are kept and tried again every second. */
  onFull(): void
}

export class PublicFiles {
  readonly #options: PublicFilesOptions
  readonly #files = new Map<string, PublicFile>()
  #retry: NodeJS.Timeout | null = null
  #whenWritten: (() => void)[] = []

  constructor(options: PublicFilesOptions) {
    this.#options = options
  }

  /** Takes over a file, or begins it. @param hash of what is in it, if anything is */
  open(log: string, hash: Hash = createHash('sha256')): void {
    const descriptor = openSync(publicPath(this.#options.directory, log), 'a+')
    const length = fstatSync(descriptor).size
    this.#files.set(log, { descriptor, length, hash, pending: [], written: length, dirty: true })
  }

  /** Appends whole lines. */
  append(log: string, lines: Uint8Array): void {
    if (!this.#files.has(log)) this.open(log)
    const file = this.#files.get(log)!
    file.hash.update(lines)
    file.length += lines.length
    file.dirty = true
    file.pending.push(lines)
    if (file.pending.length === 1) this.#write(file)
  }

  /** The logs there are, sorted. */
  get logs(): string[] {
    return [...this.#files.keys()].sort()
  }

  /** All files, as far as they may be read. */
  readable(): Readable[] {
    return this.logs.map((log) => {
      const { descriptor, written } = this.#files.get(log)!
      return { log, descriptor, length: written }
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
      for (let lines = file.pending[0]; lines !== undefined; lines = file.pending[0]) {
        const written = writeSync(file.descriptor, lines)
        if (written === lines.length) file.pending.shift()
        else file.pending[0] = lines.subarray(written)
      }
      file.written = file.length
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
