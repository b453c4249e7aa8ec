/**
 * A server's directory: journal, public files and checkpoints, as the effects of the core want them (core/types.ts has
 * the contract).
 */
import { mkdir, readdir, rename, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EMPTY_CHECKPOINT, emptyFound, recover } from '../core/recovery.ts'
import type { Restored } from '../core/replica.ts'
import type { Effect } from '../core/types.ts'
import { WINDOW_POSITIONS } from '../core/window.ts'
import type { Application, Query } from '../protocol/service.ts'
import { PublicFiles, publicPath } from './files.ts'
import { replaceFile, syncFolder } from './files-atomic.ts'
import { type CopiedLines, copyLines, type Hint } from './files-copy.ts'
import { type Page, queryLines } from './files-query.ts'
import { isFull, Journal } from './journal.ts'
import type { Log } from './log.ts'
import { FORMAT, registryPath, type Saved, savedPath, showSaved } from './store-format.ts'
import { DamageError, type Loaded, loadDirectory } from './store-load.ts'

export type StoreOptions = {
  directory: string
  rank: number
  app: Application
  log: Log
  /** After such an error nobody knows what is on the disk: the process must end. */
  onFailure(error: Error): void
  /** Something found no room on the disk; it is tried again. */
  onFull(): void
}

type CheckpointEffect = Extract<Effect, { type: 'checkpoint' }>

const RETRY_MS = 1000
/** Where a copy went on; a few servers may be copying at a time. */
const MOST_HINTS = 4

/**
 * Opens a directory that this process has locked. What is damaged is moved aside, and the server starts empty.
 * @throws {StartError} when the directory was written by a newer version
 */
export async function openStore(options: StoreOptions): Promise<{ store: Store; restored: Restored }> {
  const { directory, rank } = options
  const loaded = await load(options)
  if (loaded.isNew) {
    // Before anything else is written, so that content without it is known to be damaged.
    const saved = { format: FORMAT, rank, checkpoint: EMPTY_CHECKPOINT, files: {} }
    await replaceFile(savedPath(directory), showSaved(saved))
  }
  const { keep, append, restored } = loaded.recovery
  const files = new PublicFiles(options)
  for (const [log, { bytes, hash }] of loaded.files) {
    await truncate(publicPath(directory, log), bytes + (keep.get(log) ?? 0))
    files.open(log, hash)
  }
  for (const [log, lines] of append) files.append(log, lines)
  return { store: new Store(options, files, loaded.segments), restored }
}

async function load(options: StoreOptions): Promise<Loaded> {
  const { directory, rank, app, log } = options
  try {
    return await loadDirectory(directory, rank, app)
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    const aside = await moveAside(directory)
    log.error(
      { aside },
      `${directory} is damaged: ${error.message}. Moved to ${aside}; copying everything from the others`,
    )
  }
  const recovery = recover(app, emptyFound(app, WINDOW_POSITIONS))
  return { isNew: true, recovery, files: new Map(), segments: { used: [], free: [] } }
}

/** Moves all content into a folder of its own, where a person can look at it; nothing is deleted. */
async function moveAside(directory: string): Promise<string> {
  const aside = join(directory, `damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`)
  await mkdir(aside)
  for (const name of await readdir(directory)) {
    if (!/^(?:damaged-|\.?lock-)/.test(name)) await rename(join(directory, name), join(aside, name))
  }
  await syncFolder(aside)
  await syncFolder(directory)
  return aside
}

export class Store {
  readonly #options: StoreOptions
  readonly #files: PublicFiles
  readonly #journal: Journal
  #hints: Hint[] = []
  #checkpoint: Promise<void> = Promise.resolve()

  constructor(options: StoreOptions, files: PublicFiles, segments: Loaded['segments']) {
    this.#options = options
    this.#files = files
    this.#journal = new Journal({ ...options, found: segments })
  }

  /**
   * Appends a group to the journal.
   * @param done called once it is durable, unless it is when this returns
   * @returns whether it is durable already; then `done` is not called
   */
  commit(records: readonly Uint8Array[], done: () => void): boolean {
    return this.#journal.append(records, done)
  }

  /** Appends whole lines to a public file. */
  write(log: string, lines: Uint8Array): void {
    this.#files.append(log, lines)
  }

  /** Makes a checkpoint of this instant; what is done meanwhile goes into the next journal. */
  checkpoint({ checkpoint, snapshot, carry }: CheckpointEffect, done: () => void): void {
    const { directory, rank, onFailure } = this.#options
    const { files, sync } = this.#files.mark()
    const registry = `${JSON.stringify({ position: checkpoint.position, ...snapshot })}\n`
    const saved: Saved = { format: FORMAT, rank, checkpoint, files }
    const rotated = this.#journal.rotate(carry)
    const { segment } = this.#journal
    const run = async (): Promise<void> => {
      await rotated
      await sync()
      await this.#replace(registryPath(directory), registry)
      await this.#replace(savedPath(directory), showSaved(saved))
      await this.#journal.forget(segment)
    }
    this.#checkpoint = run().then(done, onFailure)
  }

  /** Consecutive public lines behind a position; `to` may be `from` when there are none. */
  async copy(from: number, upTo: number, maxBytes: number): Promise<CopiedLines> {
    const hint = this.#hints.find((one) => one.position === from) ?? null
    const copied = await copyLines(this.#files.readable(), from, upTo, maxBytes, hint)
    this.#hints = [copied.hint, ...this.#hints.filter((one) => one !== hint)].slice(0, MOST_HINTS)
    return { to: copied.to, files: copied.files }
  }

  /** A page of a public file. @param upTo the last position that it may know of */
  query(query: Query, upTo: number): Promise<Page> {
    const file = this.#files.readable().find(({ log }) => log === query.log)
    return queryLines(file?.descriptor ?? null, file?.length ?? 0, query, upTo)
  }

  /** Makes everything durable and closes. Nothing may be asked of it afterwards. */
  async close(): Promise<void> {
    await this.#checkpoint
    await this.#journal.close()
    await this.#files.mark().sync()
    this.#files.close()
  }

  async #replace(path: string, text: string): Promise<void> {
    for (;;) {
      try {
        return await replaceFile(path, text)
      } catch (error) {
        if (!isFull(error as Error)) throw error
        this.#options.onFull()
        await sleep(RETRY_MS)
      }
    }
  }
}
