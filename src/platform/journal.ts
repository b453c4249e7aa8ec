/**
 * The journal: groups of records, one after the other, each durable before anybody hears of it. One group is written at
 * a time. A small one is written and fsynced at once, in the event loop (0.1 ms, less than handing it to a thread and
 * back); a large one by a thread, while the next gathers.
 *
 * A torn group is told from a damaged one by what lies behind it: a torn one is the last. So that this holds for the
 * last acknowledged one too, a group that says nothing follows when nothing else does for a moment; whatever comes next
 * is written over it.
 */
import { closeSync, fdatasyncSync, writeSync } from 'node:fs'
import { idleNote, makeGroup, nextNote } from '../core/journal.ts'
import { makeFree, makeSegment, releaseSegment, SEGMENT_BYTES, type Segment } from './journal-segments.ts'
import { createWriter, isFull, type Writer, type WriterOptions } from './journal-writer.ts'
import type { Claim } from './store-format.ts'

/** Files of old segments that are kept to be used again. */
const MOST_FREE = 3
/** How long without a group until the last one gets another behind it. */
const IDLE_MS = 100
/** What a disk may lose at a time, bytes: the commit line of an idle group lies in another one than the last group's. */
const SECTOR_BYTES = 4096
/** Room at the end of a segment for the note that closes it. */
const NOTE_BYTES = 128

export type JournalOptions = WriterOptions & {
  directory: string
  /** Segments that a restart found, needed until the first checkpoint, free files, and the number to go on with. */
  found: { used: number[]; free: number[]; next: number }
  /** How long a segment is, a multiple of 4 KiB; 16 MiB by default. */
  segmentBytes?: number
}

export class Journal {
  readonly #options: JournalOptions
  readonly #segmentBytes: number
  #current: Segment
  /** Numbers of older segments, and those of them that this run wrote. */
  #older: number[]
  readonly #open = new Map<number, Segment>()
  #free: number[]
  #lastFree: number
  #preparing: Promise<void> | null = null
  readonly #writer: Writer
  #idle: NodeJS.Timeout | null = null
  /** There was a group since the timer was set; the last group has one behind it. */
  #touched = false
  #marked = true
  #closed = false

  /** @throws what making a file throws */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#writer = createWriter(options)
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES
    const { used, free, next } = options.found
    this.#older = [...used]
    this.#free = [...free]
    this.#lastFree = Math.max(0, ...free)
    // What an earlier run wrote is never written again: its tail may be torn.
    this.#current = makeSegment(options.directory, next, this.#free.pop())
    this.#prepare()
  }

  /** The segment that is written to, and how long its file was when it was made. */
  get segment(): { number: number; bytes: number } {
    return this.#current
  }

  /**
   * Appends a group of records.
   * @param done called once it is durable, unless it is when this returns
   * @returns whether it is durable already; then `done` is not called
   */
  append(pieces: readonly Uint8Array[], done: () => void): boolean {
    // The first segment of a new directory could not be prepared; one that grows costs several times as much to fsync.
    if (this.#current.bytes === 0 && this.#free.length > 0) this.#next()
    let bytes = makeGroup(pieces, this.#current.commits + 1, this.#current.number)
    if (this.#current.end > 0 && this.#current.end + bytes.length + NOTE_BYTES > this.#segmentBytes) {
      this.#next()
      bytes = makeGroup(pieces, 1, this.#current.number)
    }
    this.#marked = false
    this.#watchIdle()
    const durable = this.#put(bytes, done)
    if (pieces.length > 0) this.#current.groups = this.#current.commits
    return durable
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
      if (await releaseSegment(this.#options.directory, number, free, this.#segmentBytes)) this.#free.push(free!)
    }
    this.#prepare()
  }

  /** What there is of the segments of this run, once it is closed. */
  get claims(): Claim[] {
    return [...this.#open.values(), this.#current].map(({ number, groups, end, bytes }) => ({
      ...{ segment: number, groups, bytes: Math.max(bytes, end) },
    }))
  }

  /** Waits for what is being written and closes the files. */
  async close(): Promise<void> {
    await this.#writer.written()
    this.#mark()
    this.#closed = true
    if (this.#idle !== null) clearTimeout(this.#idle)
    await this.#preparing
    for (const { descriptor } of [...this.#open.values(), this.#current]) closeSync(descriptor)
  }

  /** Goes on in a new segment; the old one ends with a note that says so. */
  #next(): void {
    const old = this.#current
    const next = makeSegment(this.#options.directory, old.number + 1, this.#free.pop())
    const note = nextNote({ segment: next.number, bytes: next.bytes })
    this.#put(makeGroup(note, old.commits + 1, old.number), () => {})
    this.#older.push(old.number)
    this.#open.set(old.number, old)
    this.#current = next
    this.#marked = true
    this.#prepare()
  }

  /** Has a free file ready for the next segment. */
  #prepare(): void {
    if (this.#preparing !== null || this.#free.length > 0 || this.#closed) return
    const number = ++this.#lastFree
    this.#preparing = makeFree(this.#options.directory, number, this.#segmentBytes).then(
      () => {
        this.#preparing = null
        this.#free.push(number)
        // Nothing would tell that a file without blocks was cut, so it is left even when nothing comes.
        if (this.#current.bytes === 0 && this.#current.end > 0) this.#watchIdle()
      },
      (error: NodeJS.ErrnoException) => {
        this.#preparing = null
        if (isFull(error)) this.#options.onFull()
        else this.#options.onFailure(error)
      },
    )
  }

  #watchIdle(): void {
    this.#touched = true
    this.#armIdle()
  }

  /** One timer however many groups there are, and none once the last one is protected. */
  #armIdle(): void {
    this.#idle ??= setTimeout(() => {
      this.#idle = null
      if (this.#closed) return
      if (!this.#touched && this.#writer.isIdle) return this.#settle()
      this.#touched = false
      this.#armIdle()
    }, IDLE_MS).unref()
  }

  /** Protects the last group, or leaves a segment that cannot. */
  #settle(): void {
    const { bytes, end } = this.#current
    const isShort = bytes === 0 || end + 2 * SECTOR_BYTES > this.#segmentBytes
    if (isShort && end > 0 && this.#free.length > 0) this.#next()
    else this.#mark()
  }

  /** Puts a group behind the last one that says nothing and is written over by the next. */
  #mark(): void {
    if (this.#marked) return
    const { commits, number, end, descriptor } = this.#current
    const padding = Math.ceil(end / SECTOR_BYTES) * SECTOR_BYTES - end
    const bytes = makeGroup(idleNote(padding), commits + 1, number)
    try {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(descriptor, bytes, written, bytes.length - written, end + written)
      }
      fdatasyncSync(descriptor)
      this.#marked = true
    } catch (error) {
      // Without room there is none; the next group will complain.
      if (!isFull(error as Error)) this.#options.onFailure(error as Error)
    }
  }

  /** Writes a group at the end of a segment. @returns whether it is durable already */
  #put(bytes: Buffer, done: () => void): boolean {
    const segment = this.#current
    const at = segment.end
    segment.commits++
    segment.end += bytes.length
    return this.#writer.put(segment.descriptor, bytes, at, done)
  }
}
