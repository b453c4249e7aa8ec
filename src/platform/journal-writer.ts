/** Writing the journal's groups, one at a time and in order, each fsynced before the next. */
import { fdatasync, fdatasyncSync, write, writeSync } from 'node:fs'

/** Groups below this are written in the event loop, bytes. */
const SYNC_BYTES = 32 * 1024
const RETRY_MS = 1000

export type WriterOptions = {
  /** After such an error nobody knows what is on the disk: the process must end. */
  onFailure(error: Error): void
  /** There was no room; what was to be written is tried again every second. */
  onFull(): void
}

export type Writer = {
  /**
   * Writes a group at a place of a file.
   * @param done called once it is durable, unless it is when this returns
   * @returns whether it is durable already; then `done` is not called
   */
  put(descriptor: number, bytes: Buffer, at: number, done: () => void): boolean
  /** Nothing is being written. */
  readonly isIdle: boolean
  /** Resolves when all that was put is durable. */
  written(): Promise<void>
}

type Write = { descriptor: number; bytes: Buffer; at: number; written: number; done: () => void }

export function createWriter({ onFailure, onFull }: WriterOptions): Writer {
  /** The first is being written, the others wait for it. */
  const queue: Write[] = []
  let waiting: (() => void)[] = []

  /** @returns whether the group is durable */
  const writeNow = (group: Write): boolean => {
    const { descriptor, bytes, at } = group
    try {
      while (group.written < bytes.length) {
        const { written } = group
        group.written += writeSync(descriptor, bytes, written, bytes.length - written, at + written)
      }
    } catch (error) {
      if (!isFull(error as Error)) onFailure(error as Error)
      return false
    }
    try {
      fdatasyncSync(descriptor)
    } catch (error) {
      onFailure(error as Error)
      return false
    }
    queue.shift()
    return true
  }
  const failed = (error: Error): void => {
    if (!isFull(error)) return onFailure(error)
    onFull()
    setTimeout(next, RETRY_MS).unref()
  }
  /** Writes the first group of the queue, then the next. */
  const next = (): void => {
    const group = queue[0]
    if (group === undefined) {
      for (const resolve of waiting) resolve()
      waiting = []
      return
    }
    const { descriptor, bytes, at, written } = group
    write(descriptor, bytes, written, bytes.length - written, at + written, (error, count) => {
      if (error !== null) return failed(error)
      group.written += count
      if (group.written < bytes.length) return next()
      fdatasync(descriptor, (failure) => {
        if (failure !== null) return onFailure(failure)
        queue.shift()
        next()
        group.done()
      })
    })
  }
  return {
    put(descriptor, bytes, at, done) {
      const group = { descriptor, bytes, at, written: 0, done }
      queue.push(group)
      if (queue.length > 1) return false
      if (bytes.length < SYNC_BYTES && writeNow(group)) return true
      next()
      return false
    },
    get isIdle() {
      return queue.length === 0
    },
    written: () => (queue.length === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}

const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

/** Whether an error says that the disk is full. */
export const isFull = (error: Error): boolean => FULL.has((error as NodeJS.ErrnoException).code)
