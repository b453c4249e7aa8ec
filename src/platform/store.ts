/**
 * A server's directory: journal, public files and checkpoints, as the effects of the core want them (core/types.ts has
 * the contract).
 */
import { CHECKPOINT_STEPS, type CheckpointStep } from '../core/checkpoint.ts'
import type { Effect } from '../core/types.ts'
import type { Query } from '../protocol/service.ts'
import { showChecked } from './checked-json.ts'
import type { PublicFiles } from './files.ts'
import { replaceFile, retryWhenFull } from './files-atomic.ts'
import { type CopiedLines, copyLines, type Hint } from './files-copy.ts'
import { type Page, queryLines } from './files-query.ts'
import type { Readable } from './files-sums.ts'
import type { Journal } from './journal.ts'
import { isFull } from './journal-writer.ts'
import { FORMAT, registryPath, type Saved, savedPath, sha256Of } from './store-format.ts'
import type { StoreOptions } from './store-open.ts'

type CheckpointEffect = Extract<Effect, { type: 'checkpoint' }>

/** Where a copy went on; a few servers may be copying at a time. */
const MOST_HINTS = 4

export class Store {
  readonly #options: StoreOptions
  readonly #files: PublicFiles
  readonly #journal: Journal
  /** What `server.json` says. */
  #saved: Saved
  #hints: Hint[] = []
  #checkpoint: Promise<void> = Promise.resolve()

  constructor(options: StoreOptions, files: PublicFiles, journal: Journal, saved: Saved) {
    this.#saved = saved
    this.#options = options
    this.#files = files
    this.#journal = journal
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
    const rotated = this.#journal.rotate(carry)
    const { number, bytes } = this.#journal.segment
    const claim = { segment: number, groups: carry.length > 0 ? 1 : 0, bytes }
    const saved: Saved = { format: FORMAT, rank, checkpoint, files, registry: sha256Of(registry), journal: [claim] }
    const steps: Record<CheckpointStep, () => Promise<void>> = {
      journal: () => rotated,
      files: sync,
      registry: () => this.#replace(registryPath(directory), registry),
      server: async () => {
        await this.#replace(savedPath(directory), showChecked(saved))
        this.#saved = saved
      },
      forget: () => this.#journal.forget(number),
    }
    const run = async (): Promise<void> => {
      for (const step of CHECKPOINT_STEPS) await steps[step]()
    }
    this.#checkpoint = run().then(done, onFailure)
  }

  /**
   * Consecutive public lines behind a position; `to` may be `from` when there are none.
   * @throws {DamageError} when they are damaged
   */
  async copy(from: number, upTo: number, maxBytes: number): Promise<CopiedLines> {
    const hint = this.#hints.find((one) => one.position === from) ?? null
    const copied = await copyLines(this.#files.readable(), from, upTo, maxBytes, hint)
    // Without a line there is nothing to go on from: these files may not even reach `from`, and what lies behind it is unknown.
    if (copied.to > from) this.#hints = [copied.hint, ...this.#hints.filter((one) => one !== hint)].slice(0, MOST_HINTS)
    return { to: copied.to, files: copied.files }
  }

  /**
   * A page of a public file.
   * @param upTo the last position that it may know of
   * @returns with it the position up to which nothing is missing; `stale` when the file lacks lines up to `upTo`, because
   * the disk is full, and then nobody knows that position
   * @throws {DamageError} when it is damaged there
   */
  async query(query: Query, upTo: number): Promise<Page & { position: number | null; stale: boolean }> {
    const stale = this.#files.isBehind(query.log)
    const page = await queryLines(this.readable(query.log), query, upTo)
    return { ...page, position: stale ? null : upTo, stale }
  }

  /** A public file as it stands; null when there is none. */
  readable(log: string): Readable | null {
    return this.#files.readable().find((file) => file.log === log) ?? null
  }

  /** Makes everything durable and closes. Nothing may be asked of it afterwards. */
  async close(): Promise<void> {
    await this.#checkpoint
    await this.#journal.close()
    await this.#files.mark().sync()
    this.#files.close()
    await this.#claim()
  }

  /** After a clean stop it is known to the last group what there must be. */
  async #claim(): Promise<void> {
    const { journal } = this.#saved
    const written = this.#journal.claims
    const before = journal.filter(({ segment }) => segment < written[0]!.segment)
    const now = { ...this.#saved, journal: [...before, ...written] }
    await replaceFile(savedPath(this.#options.directory), showChecked(now)).catch((error) => {
      if (!isFull(error)) throw error
    })
  }

  #replace(path: string, text: string): Promise<void> {
    return retryWhenFull(() => replaceFile(path, text), this.#options.onFull)
  }
}
