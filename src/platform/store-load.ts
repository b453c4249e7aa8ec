/** What a server does with its directory when it starts: check all of it against the last checkpoint, then recover. */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JournalRecord, readSegment } from '../core/journal.ts'
import { EMPTY_CHECKPOINT, foldState, type Recovery, recover } from '../core/recovery.ts'
import { rememberLines } from '../core/remember.ts'
import { createWindow, WINDOW_POSITIONS, type Window } from '../core/window.ts'
import type { Application } from '../protocol/service.ts'
import { publicPath } from './files.ts'
import { fillFrom, NEWLINE, offsetAfter, readRange } from './files-lines.ts'
import { findSegments, segmentPath } from './journal-segments.ts'
import { StartError } from './role.ts'
import { FORMAT, formatOf, readSaved, registryPath, type Saved, savedPath } from './store-format.ts'

/** Something in the directory is not what was written there; the message names it. */
export class DamageError extends Error {}

const HASH_BYTES = 1 << 20
const CHUNK_BYTES = 4 << 20
const PUBLIC = /^(?!journal-)([a-z_]{1,64})\.jsonl$/

export type Loaded = {
  /** There was nothing yet. */
  isNew: boolean
  recovery: Recovery
  /** Per public file, the bytes of its checked part, and the hash of that and of what stays of its tail. */
  files: Map<string, { bytes: number; hash: Hash }>
  segments: { used: number[]; free: number[] }
}

/**
 * Reads and checks a directory.
 * @throws {DamageError} when it cannot be believed
 * @throws {StartError} when it was written by a newer version
 */
export async function loadDirectory(directory: string, rank: number, app: Application): Promise<Loaded> {
  const segments = await findSegments(directory)
  const logs = await publicLogs(directory)
  const found = await loadSaved(directory, rank, logs.length + segments.used.length > 0)
  const saved = found ?? { format: FORMAT, rank, checkpoint: EMPTY_CHECKPOINT, files: {} }
  const { checkpoint } = saved
  const window = createWindow(WINDOW_POSITIONS)
  const files: Loaded['files'] = new Map()
  const tails = new Map<string, Uint8Array>()
  for (const log of Object.keys(saved.files)) {
    if (!logs.includes(log)) throw new DamageError(`${log}.jsonl is missing`)
  }
  for (const log of logs) {
    const file = await open(publicPath(directory, log))
    try {
      const state = saved.files[log]
      const hash = await checkFile(file, log, state)
      if (state !== undefined) await remember(file, log, state.bytes, window, checkpoint.position)
      const { size } = await file.stat()
      files.set(log, { bytes: state?.bytes ?? 0, hash })
      tails.set(log, await readRange(file.fd, state?.bytes ?? 0, size))
    } finally {
      await file.close()
    }
  }
  const journal = await readJournal(directory, segments.used)
  const state = await loadState(directory, saved, app)
  const recovery = recovering(() => recover(app, { checkpoint, state, window, tails, journal }))
  for (const [log, { hash }] of files) hash.update(tails.get(log)!.subarray(0, recovery.keep.get(log) ?? 0))
  return { isNew: found === null, recovery, files, segments }
}

async function publicLogs(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).map((name) => PUBLIC.exec(name)?.[1])
  return names.filter((name) => name !== undefined).sort()
}

async function loadSaved(directory: string, rank: number, hasContent: boolean): Promise<Saved | null> {
  let text: string
  try {
    text = await readFile(savedPath(directory), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // It is written before anything else is.
    if (hasContent) throw new DamageError('server.json is missing')
    return null
  }
  if ((formatOf(text) ?? 0) > FORMAT)
    throw new StartError(`${directory} has format ${formatOf(text)}, of a newer version; this one knows ${FORMAT}`)
  let saved: Saved
  try {
    saved = readSaved(text)
  } catch (error) {
    throw new DamageError(`server.json is damaged (${(error as Error).message})`)
  }
  if (saved.rank !== rank) throw new DamageError(`server.json is of rank ${saved.rank}, not ${rank}`)
  return saved
}

/** Compares the checkpointed part of a file with its digest; returns the hash that goes on from there. */
async function checkFile(file: FileHandle, log: string, state: Saved['files'][string] | undefined): Promise<Hash> {
  const hash = createHash('sha256')
  if (state === undefined) return hash
  const { size } = await file.stat()
  if (size < state.bytes) throw new DamageError(`${log}.jsonl has ${size} bytes, its checkpoint has ${state.bytes}`)
  // Two buffers in turn: the next chunk is read by a thread while this one is hashed.
  const buffers = [Buffer.allocUnsafeSlow(HASH_BYTES), Buffer.allocUnsafeSlow(HASH_BYTES)] as const
  const read = (at: number, turn: number): Promise<Buffer> =>
    fillFrom(file.fd, at, buffers[turn & 1]!.subarray(0, Math.min(HASH_BYTES, state.bytes - at)))
  let next = read(0, 0)
  for (let at = 0, turn = 1; at < state.bytes; turn++) {
    const chunk = await next
    if (chunk.length === 0) throw new DamageError(`${log}.jsonl became shorter while it was read`)
    at += chunk.length
    next = read(at, turn)
    hash.update(chunk)
  }
  if (hash.copy().digest('hex') !== state.sha256)
    throw new DamageError(`the first ${state.bytes} bytes of ${log}.jsonl are not those of its checkpoint (SHA-256)`)
  return hash
}

/** Puts the ids of a file's last lines into the window. */
async function remember(
  file: FileHandle,
  log: string,
  length: number,
  window: Window,
  position: number,
): Promise<void> {
  let at = await offsetAfter(file.fd, length, position - window.capacity)
  while (at < length) {
    const chunk = await readRange(file.fd, at, Math.min(at + CHUNK_BYTES, length))
    const whole = chunk.subarray(0, chunk.lastIndexOf(NEWLINE) + 1)
    if (whole.length === 0) throw new DamageError(`${log}.jsonl has a line without an end at byte ${at}`)
    recovering(() => rememberLines(window, log, whole, position))
    at += whole.length
  }
}

async function readJournal(directory: string, numbers: readonly number[]): Promise<JournalRecord[]> {
  const records: JournalRecord[] = []
  for (const number of numbers) {
    const path = segmentPath(directory, number)
    const segment = readSegment(await readFile(path), number)
    if (segment.corrupt !== null) throw new DamageError(`journal-${number}.jsonl, ${segment.corrupt}`)
    for (const record of segment.records) records.push(record)
  }
  return records
}

/** The services' state at the checkpoint: from the snapshot, or where that is of no use from the public lines. */
async function loadState(directory: string, saved: Saved, app: Application): Promise<unknown> {
  try {
    const { position, ...snapshot } = JSON.parse(await readFile(registryPath(directory), 'utf8'))
    if (position === saved.checkpoint.position) return app.restore(snapshot)
  } catch {
    // Missing or unreadable: the public lines say the same.
  }
  const files = new Map<string, Uint8Array>()
  for (const log of app.folds.keys()) {
    const state = saved.files[log]
    if (state !== undefined) files.set(log, (await readFile(join(directory, `${log}.jsonl`))).subarray(0, state.bytes))
  }
  return recovering(() => foldState(app, files))
}

/** What the core cannot read is damage. */
function recovering<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new DamageError((error as Error).message)
  }
}
