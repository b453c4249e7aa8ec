/**
 * The journal: groups of records, one after the other, each durable before anybody hears of it. One group is written at
 * a time. A small one is written and fsynced at once, in the event loop (0.1 ms, less than handing it to a thread and
 * back); a large one by a thread, while the next gathers.
 */
import { closeSync, fdatasync, fdatasyncSync, write, writeSync } from 'node:fs'
import { makeGroup } from '../core/journal.ts'
import { makeFree, makeSegment, releaseSegment, SEGMENT_BYTES, type Segment } from './journal-segments.ts'

/** Groups below this are written in the event loop, bytes. */
const SYNC_BYTES = 32 * 1024
const RETRY_MS = 1000
/** Files of old segments that are kept to be used again. */
const MOST_FREE = 3

export type JournalOptions = {
  directory: string
  /** Segments that a restart found, needed until the first checkpoint, and free files. */
  found: { used: number[]; free: number[] }
  /** After such an error nobody knows what is on the disk: the process must end. */
  onFailure(error: Error): void
  /** There was no room for a group or a free file; a group is tried again every second. */
  onFull(): void
}

type Write = { segment: Segment; bytes: Buffer; at: number; written: number; done: () => void }

export class Journal {
  readonly #options: JournalOptions
  #current: Segment
  /** Numbers of older segments, and those of them that this run wrote. */
  #older: number[]
  readonly #open = new Map<number, Segment>()
  #free: number[]
  #lastFree: number
  #preparing: Promise<void> | null = null
  /** The first is being written, the others wait for it. */
  readonly #queue: Write[] = []
  #closed = false

  constructor(options: JournalOptions) {
    this.#options = options
    const { used, free } = options.found
    this.#older = [...used]
    this.#free = [...free]
    this.#lastFree = Math.max(0, ...free)
    // What an earlier run wrote is never written again: its tail may be torn.
    this.#current = makeSegment(options.directory, Math.max(0, ...used) + 1, this.#free.pop())
    this.#prepare()
  }

  /** The segment that is written to. */
  get segment(): number {
    return this.#current.number
  }

  /**
   * Appends a group of records.
   * @param done called once it is durable, unless it is when this returns
   * @returns whether it is durable already; then `done` is not called
   */
  append(pieces: readonly Uint8Array[], done: () => void): boolean {
    // The first segment of a new directory could not be prepared; one that grows costs several times as much to fsync.
    if (!this.#current.prepared && this.#free.length > 0) this.#next()
    let bytes = makeGroup(pieces, this.#current.commits + 1, this.#current.number)
    if (this.#current.end > 0 && this.#current.end + bytes.length > SEGMENT_BYTES) {
      this.#next()
      bytes = makeGroup(pieces, 1, this.#current.number)
    }
    const segment = this.#current
    const group: Write = { segment, bytes, at: segment.end, written: 0, done }
    segment.commits++
    segment.end += bytes.length
    this.#queue.push(group)
    if (this.#queue.length > 1) return false
    if (bytes.length < SYNC_BYTES && this.#writeNow(group)) return true
    this.#write()
    return false
  }

  /** Begins a new segment with what is still needed of the older ones. Resolves when that is durable. */
  rotate(carry: readonly Uint8Array[]): Promise<void> {
    this.#next()
    return new Promise((resolve) => {
      if (this.append(carry, resolve)) resolve()
    })
  }

  /** Forgets all segments before a number: nothing in them is needed any more. */
  async forget(before: number): Promise<void> {
    const forgotten = this.#older.filter((number) => number < before)
    this.#older = this.#older.filter((number) => number >= before)
    for (const number of forgotten) {
      const segment = this.#open.get(number)
      this.#open.delete(number)
      if (segment !== undefined) closeSync(segment.descriptor)
      const free = this.#free.length < MOST_FREE ? ++this.#lastFree : null
      if (await releaseSegment(this.#options.directory, number, free)) this.#free.push(free!)
    }
    this.#prepare()
  }

  /** Waits for what is being written and closes the files. */
  async close(): Promise<void> {
    if (this.#queue.length > 0) {
      await new Promise<void>((resolve) => {
        if (this.append([], resolve)) resolve()
      })
    }
    this.#closed = true
    await this.#preparing
    for (const { descriptor } of [...this.#open.values(), this.#current]) closeSync(descriptor)
  }

  #next(): void {
    const { number } = this.#current
    this.#older.push(number)
    this.#open.set(number, this.#current)
    this.#current = makeSegment(this.#options.directory, number + 1, this.#free.pop())
    this.#prepare()
  }

  /** Has a free file ready for the next segment. */
  #prepare(): void {
    if (this.#preparing !== null || this.#free.length > 0 || this.#closed) return
    const number = ++this.#lastFree
    this.#preparing = makeFree(this.#options.directory, number).then(
      () => {
        this.#preparing = null
        this.#free.push(number)
      },
      (error: NodeJS.ErrnoException) => {
        this.#preparing = null
        if (isFull(error)) this.#options.onFull()
        else this.#options.onFailure(error)
      },
    )
  }

  /** @returns whether the group is durable */
  #writeNow(group: Write): boolean {
    const { segment, bytes } = group
    try {
      while (group.written < bytes.length) {
        const { written, at } = group
        group.written += writeSync(segment.descriptor, bytes, written, bytes.length - written, at + written)
      }
    } catch (error) {
      if (!isFull(error as Error)) this.#options.onFailure(error as Error)
      return false
    }
    try {
      fdatasyncSync(segment.descriptor)
    } catch (error) {
      this.#options.onFailure(error as Error)
      return false
    }
    this.#queue.shift()
    return true
  }

  /** Writes the first group of the queue, then the next. */
  #write(): void {
    const group = this.#queue[0]
    if (group === undefined) return
    const { segment, bytes, at, written } = group
    write(segment.descriptor, bytes, written, bytes.length - written, at + written, (error, count) => {
      if (error !== null) return this.#failed(error)
      group.written += count
      if (group.written < bytes.length) return this.#write()
      fdatasync(segment.descriptor, (failure) => {
        if (failure !== null) return this.#options.onFailure(failure)
        this.#queue.shift()
        this.#write()
        group.done()
      })
    })
  }

  #failed(error: Error): void {
    if (!isFull(error)) return this.#options.onFailure(error)
    this.#options.onFull()
    setTimeout(() => this.#write(), RETRY_MS).unref()
  }
}

const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

/** Whether an error says that the disk is full. */
export const isFull = (error: Error): boolean => FULL.has((error as NodeJS.ErrnoException).code)
