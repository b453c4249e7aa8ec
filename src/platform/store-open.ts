/** Opening a server's directory: check it, mend what is damaged, recover, and make ready to write. */
import { stat, truncate } from 'node:fs/promises'
import type { Restored } from '../core/replica.ts'
import type { Position } from '../protocol/replica.ts'
import type { Application } from '../protocol/service.ts'
import { showChecked } from './checked-json.ts'
import { PublicFiles, publicPath } from './files.ts'
import { replaceFile, retryWhenFull, syncPath } from './files-atomic.ts'
import { closeFiles, describeDamage } from './files-check.ts'
import type { Readable } from './files-sums.ts'
import { Journal } from './journal.ts'
import { segmentPath } from './journal-segments.ts'
import type { WriterOptions } from './journal-writer.ts'
import type { Log } from './log.ts'
import { StartError } from './role.ts'
import { Store } from './store.ts'
import { type Saved, savedPath } from './store-format.ts'
import { type Damage, type Loaded, loadDirectory } from './store-load.ts'
import { type Giver, repairFiles, setAside } from './store-mend.ts'
import { unusable } from './unusable.ts'

export type StoreOptions = WriterOptions & {
  directory: string
  rank: number
  app: Application
  log: Log
  others: Others
  /** See the journal. */
  segmentBytes?: number
}

/** The other servers, for a directory that is damaged. */
export type Others = {
  /** Whether there is anybody who could have what was here. */
  areThere(): Promise<boolean>
  /** Lets somebody ask them for public files, and them for what is whole here, as long as the work takes. */
  lend(standing: Standing, work: (giver: Giver) => Promise<void>): Promise<void>
}

/** How a server stands that cannot start yet. */
export type Standing = {
  position: Position
  digest: string
  /** What its journal says of views, as in a report to ref. */
  known: number
  recorded: number
  quorum: number
  fresh: boolean
  readable(log: string): Readable | null
}

/**
 * Opens a directory that this process has locked. What is damaged is mended with the help of the others, however long
 * that takes.
 * @throws {StartError} when it was written by another version, cannot be used, or is damaged and there are no others;
 * then nothing in it was changed
 */
export async function openStore(options: StoreOptions): Promise<{ store: Store; restored: Restored }> {
  try {
    return await open(options, await loadWhole(options))
  } catch (error) {
    const { syscall, path = options.directory } = error as NodeJS.ErrnoException
    throw syscall === undefined || error instanceof StartError ? error : unusable(path, error)
  }
}

async function loadWhole(options: StoreOptions): Promise<Loaded & { recovery: NonNullable<Loaded['recovery']> }> {
  const { directory, rank, app, others } = options
  for (;;) {
    const loaded = await loadDirectory(directory, rank, app)
    const { damages, recovery } = loaded
    if (recovery !== null) return { ...loaded, recovery }
    const repairing = (giver: Giver): Promise<void> => repairFiles(options, loaded, giver)
    try {
      if (!(await others.areThere())) throw await refusal(directory, damages)
      if (!(await setAside(options, loaded))) await others.lend(standingOf(loaded), repairing)
    } finally {
      await closeFiles(loaded.files)
    }
  }
}

async function refusal(directory: string, damages: readonly Damage[]): Promise<StartError> {
  const texts: string[] = []
  for (const damage of damages) texts.push(damage.of === 'file' ? await describeDamage(directory, damage) : damage.text)
  const why = 'there is no other server that could give what was there, so nothing was changed'
  return new StartError(`${directory} is damaged: ${texts.join('; ')}: ${why}`)
}

function standingOf({ saved, journal, files }: Loaded): Standing {
  const { position, digest } = saved.checkpoint
  let known = 0
  let recorded = 0
  let quorum = 0
  for (const record of journal.records) {
    if (record.type !== 'known' && record.type !== 'installed') continue
    const view = record.type === 'known' ? record.view : record.installed.view
    known = Math.max(known, view.number)
    quorum = Math.max(quorum, view.quorum)
    if (record.type === 'installed') recorded = Math.max(recorded, view.number)
  }
  return {
    ...{ position, digest, known, recorded, quorum, fresh: recorded === 0 },
    readable: (log) => {
      const file = files.get(log)
      return file === undefined ? null : file.sums.readable(log, file.handle.fd)
    },
  }
}

async function open(
  options: StoreOptions,
  loaded: Loaded & { recovery: NonNullable<Loaded['recovery']> },
): Promise<{ store: Store; restored: Restored }> {
  const { saved, recovery } = loaded
  await closeFiles(loaded.files)
  // Before anything else is written, so that content without it is known to be damaged.
  if (loaded.journal.used.length === 0) await save(options, saved)
  const files = new PublicFiles(options)
  for (const [log, { hash, sums }] of loaded.files) {
    await cut(options, log, sums.length)
    files.open(log, hash, sums)
  }
  // What a killed process wrote may not be durable yet; from now on it counts.
  for (const number of loaded.journal.used) await syncPath(segmentPath(options.directory, number))
  const journal = new Journal({ ...options, found: loaded.journal })
  const { number, bytes } = journal.segment
  const opened = { ...saved, journal: [...loaded.journal.claims, { segment: number, groups: 0, bytes }] }
  await save(options, opened)
  for (const [log, lines] of recovery.append) files.append(log, lines)
  return { store: new Store(options, files, journal, opened), restored: recovery.restored }
}

const save = ({ directory, onFull }: StoreOptions, saved: Saved): Promise<void> =>
  retryWhenFull(() => replaceFile(savedPath(directory), showChecked(saved)), onFull)

/** Cuts what no journal vouches for. */
async function cut({ directory, log: output }: StoreOptions, log: string, length: number): Promise<void> {
  const path = publicPath(directory, log)
  const { size } = await stat(path)
  if (size === length) return
  output.warn(
    { bytes: size - length },
    `${log}.jsonl is cut at byte ${length}: the journal does not vouch for what follows`,
  )
  await truncate(path, length)
}
