/** Reading a server's directory when it starts: all of it is checked before anything of it is believed, or changed. */
import { readFile } from 'node:fs/promises'
import { type Recovery, recover } from '../core/recovery.ts'
import { rememberLines } from '../core/remember.ts'
import { createWindow, WINDOW_POSITIONS, type Window } from '../core/window.ts'
import type { Application } from '../protocol/service.ts'
import { DamageError, reading } from './damage.ts'
import { type CheckedFile, checkFiles, closeFiles, type DamagedFile } from './files-check.ts'
import { NEWLINE, offsetAfter, readRange } from './files-lines.ts'
import type { Readable } from './files-sums.ts'
import { type JournalFound, readJournal } from './journal-load.ts'
import { findSegments } from './journal-segments.ts'
import { StartError } from './role.ts'
import { foldFiles } from './store-fold.ts'
import { firstSaved, readSaved, registryPath, type Saved, savedPath, sha256Of } from './store-format.ts'

const CHUNK_BYTES = 4 << 20

/** What is wrong, file and place: with all of the directory, with its journal, or with one public file. */
export type Damage = { of: 'all'; text: string } | { of: 'journal'; text: string } | ({ of: 'file' } & DamagedFile)

export type Loaded = {
  saved: Saved
  journal: JournalFound
  /** The public files that are what the last checkpoint says of them. */
  files: Map<string, CheckedFile>
  damages: Damage[]
  /** What to start with; null when there is damage. */
  recovery: Recovery | null
}

/**
 * Reads and checks a directory; changes nothing in it.
 * @throws {StartError} when it was written by another version
 * @throws what reading throws, EACCES for one
 */
export async function loadDirectory(directory: string, rank: number, app: Application): Promise<Loaded> {
  const saved = await loadSaved(directory, rank)
  if ('text' in saved) return nothing(rank, saved.text)
  const journal = await readJournal(directory, saved.journal)
  const { whole, damaged } = await checkFiles(directory, saved.files)
  const damages: Damage[] = damaged.map((damage) => ({ of: 'file', ...damage }))
  if (journal.damage !== null) damages.unshift({ of: 'journal', text: journal.damage })
  const loaded: Loaded = { saved, journal, files: whole, damages, recovery: null }
  try {
    if (damages.length === 0) loaded.recovery = await recoverFrom(directory, loaded, app)
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    damages.push({ of: 'all', text: error.message })
  }
  return loaded
}

function nothing(rank: number, text: string): Loaded {
  const journal = { records: [], claims: [], used: [], free: [], next: 1, damage: null }
  return { saved: firstSaved(rank), journal, files: new Map(), damages: [{ of: 'all', text }], recovery: null }
}

/** What was saved, or what is wrong with it. A directory with nothing in it has the beginnings of one. */
async function loadSaved(directory: string, rank: number): Promise<Saved | { text: string }> {
  const path = savedPath(directory)
  try {
    const saved = readSaved(await reading('server.json', () => readFile(path, 'utf8')), path)
    return saved.rank === rank ? saved : { text: `server.json is of rank ${saved.rank}, not ${rank}` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // It is written before anything else is.
    if (code === 'ENOENT') return (await isEmpty(directory)) ? firstSaved(rank) : { text: 'server.json is missing' }
    if (error instanceof StartError || code !== undefined) throw error
    return { text: error instanceof DamageError ? message : `server.json is damaged: ${message}` }
  }
}

async function isEmpty(directory: string): Promise<boolean> {
  const { used } = await findSegments(directory)
  const { whole } = await checkFiles(directory, {})
  await closeFiles(whole)
  return used.length + whole.size === 0
}

async function recoverFrom(directory: string, { saved, journal, files }: Loaded, app: Application): Promise<Recovery> {
  const { checkpoint } = saved
  const window = createWindow(WINDOW_POSITIONS)
  const tails = new Map<string, Uint8Array>()
  for (const [log, { handle, bytes, sums }] of files) {
    await remember(sums.readable(log, handle.fd), window, checkpoint.position)
    const { size } = await handle.stat()
    const tail = (): Promise<Buffer> => readRange(handle.fd, bytes, size)
    tails.set(log, await reading(`${log}.jsonl, bytes ${bytes} to ${size}`, tail))
  }
  const state = await loadState(directory, saved, files, app)
  const found = { checkpoint, state, window, tails, journal: journal.records }
  const recovery = believing('the journal', () => recover(app, found))
  for (const [log, { hash, sums }] of files) {
    const kept = tails.get(log)!.subarray(0, recovery.keep.get(log) ?? 0)
    hash.update(kept)
    sums.update(kept)
  }
  return recovery
}

/** Puts the ids of a file's last lines into the window. */
async function remember(file: Readable, window: Window, position: number): Promise<void> {
  let at = await offsetAfter(file, position - window.capacity)
  while (at < file.length) {
    const chunk = await file.read(at, at + CHUNK_BYTES)
    const whole = chunk.subarray(0, chunk.lastIndexOf(NEWLINE) + 1)
    if (whole.length === 0) throw new DamageError(`${file.log}.jsonl has a line without an end at byte ${at}`)
    believing(`${file.log}.jsonl`, () => rememberLines(window, file.log, whole, position))
    at += whole.length
  }
}

/** The services' state at the checkpoint: from the snapshot, or where that is of no use from the public lines. */
async function loadState(directory: string, saved: Saved, files: Loaded['files'], app: Application): Promise<unknown> {
  try {
    const text = await readFile(registryPath(directory))
    if (sha256Of(text) === saved.registry) {
      const { position: _, ...snapshot } = JSON.parse(text.toString())
      return app.restore(snapshot)
    }
  } catch {
    // Missing, unreadable, or from before there was one of the services: the public lines say the same.
  }
  const folded = [...app.folds.keys()].flatMap(
    (log) => files.get(log)?.sums.readable(log, files.get(log)!.handle.fd) ?? [],
  )
  return foldFiles(app, folded)
}

/** What was written as it stands and yet cannot be read was written wrongly. */
function believing<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new DamageError(`${what} cannot be read: ${(error as Error).message}`)
  }
}
