/**
 * Mending a damaged directory, so that it can be loaded again. What is damaged is moved into a folder `damaged-<time>`,
 * where a person can look at it; nothing is deleted. Every step can be interrupted: the next start finds what is left to do.
 *
 * - `server.json`: nothing can be told of anything, so all goes aside and the server starts empty.
 * - the journal: it goes aside. The public files stay up to the last checkpoint, and without a record of a view this
 *   server counts for nothing until it has been given the rest.
 * - a public file: it is put together again from other servers' bytes, which must have the digest that the checkpoint
 *   states. The journal stays, so what this server acknowledged still counts.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { showChecked } from './checked-json.ts'
import { publicPath } from './files.ts'
import { replaceFile, retryWhenFull, syncPath } from './files-atomic.ts'
import type { DamagedFile } from './files-check.ts'
import { readRange } from './files-lines.ts'
import { segmentPath } from './journal-segments.ts'
import type { Log } from './log.ts'
import { savedPath } from './store-format.ts'
import type { Loaded } from './store-load.ts'

/** Bytes that are asked for at a time. */
const CHUNK_BYTES = 512 * 1024
const REMIND_MS = 5000
const AGAIN_MS = 500

/** Other servers' public files, byte for byte. */
export type Giver = {
  /**
   * Bytes [from, to) of a public file.
   * @returns fewer when the giver has no more; null when nobody can give any now
   */
  give(log: string, from: number, to: number): Promise<Uint8Array | null>
  /** Who gave last. */
  readonly name: string
  /** What was given of a file was wrong: somebody else is to be asked for it. */
  next(log: string): void
}

export type MendOptions = { directory: string; log: Log; onFull(): void }

/** Moves aside what cannot be mended; false when there is no such damage. Then the directory is to be loaded again. */
export async function setAside(options: MendOptions, loaded: Loaded): Promise<boolean> {
  const { directory, log } = options
  const damaged = (of: string): string | undefined => loaded.damages.find((damage) => damage.of === of)?.text
  const all = damaged('all')
  const journal = damaged('journal')
  if (all !== undefined) {
    const aside = await moveAside(directory, (name) => !/^(?:damaged-|\.?lock-)/.test(name))
    log.error({ aside }, `${directory} is damaged: ${all}. Moved to ${aside}; copying everything from the others`)
  } else if (journal !== undefined) await setJournalAside(options, loaded, journal)
  return all !== undefined || journal !== undefined
}

/** Repairs one public file at least, as soon as somebody can give it. Then the directory is to be loaded again. */
export async function repairFiles(options: MendOptions, loaded: Loaded, giver: Giver): Promise<void> {
  const { directory, log } = options
  const files = loaded.damages.filter((damage) => damage.of === 'file')
  for (const { text } of files) log.error(`${directory} is damaged: ${text}. Repairing it from the others`)
  for (let remindAt = 0; ; await sleep(AGAIN_MS)) {
    for (const file of files) if (await repair(options, file, giver)) return
    if (performance.now() < remindAt) continue
    const wanted = files.map((file) => `the first ${file.state.bytes} bytes of ${file.log}.jsonl`).join(', ')
    log.warn(`waiting for a server that can give ${wanted}; until then this one takes part in nothing`)
    remindAt = performance.now() + REMIND_MS
  }
}

async function setJournalAside({ directory, log }: MendOptions, loaded: Loaded, text: string): Promise<void> {
  const { saved, journal } = loaded
  const isSegment = (name: string): boolean => journal.used.some((number) => segmentPath('', number) === name)
  const aside = await moveAside(directory, isSegment)
  const begun = { ...saved, journal: [{ segment: journal.next, groups: 0, bytes: 0 }] }
  await replaceFile(savedPath(directory), showChecked(begun))
  const { position } = saved.checkpoint
  log.error(
    { aside, position },
    `${directory} is damaged: ${text}. The journal was moved to ${aside}; what comes after position ${position} is copied from the others`,
  )
}

async function moveAside(directory: string, goes: (name: string) => boolean): Promise<string> {
  const aside = await makeAside(directory)
  for (const name of await readdir(directory)) if (goes(name)) await rename(join(directory, name), join(aside, name))
  await syncPath(aside)
  await syncPath(directory)
  return aside
}

async function makeAside(directory: string): Promise<string> {
  const aside = join(directory, `damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`)
  await mkdir(aside, { recursive: true })
  return aside
}

/** Puts one file together again; false when nobody can give it now. */
async function repair(options: MendOptions, damaged: DamagedFile, giver: Giver): Promise<boolean> {
  const { directory, log } = options
  const path = publicPath(directory, damaged.log)
  const mended = `${path}.mended`
  const old = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  const file = await open(mended, 'w')
  try {
    const difference = await fill(options, file, old, damaged, giver)
    if (difference === null) return false
    if (old !== null) await copyTail(options, old, file, damaged.state.bytes)
    await file.sync()
    const aside = await makeAside(directory)
    if (old !== null) await rename(path, join(aside, `${damaged.log}.jsonl`))
    await syncPath(aside)
    await rename(mended, path)
    await syncPath(directory)
    log.warn({ aside }, `${damaged.log}.jsonl is repaired with the bytes of ${giver.name}: ${difference}`)
    return true
  } finally {
    await file.close()
    await old?.close()
  }
}

/** Fills a file with what was given, if it has the digest. @returns how it differs from the old one, or null */
async function fill(
  options: MendOptions,
  file: FileHandle,
  old: FileHandle | null,
  { log, state }: DamagedFile,
  giver: Giver,
): Promise<string | null> {
  const hash = createHash('sha256')
  const range: Range = { first: -1, last: -1 }
  for (let at = 0; at < state.bytes; ) {
    const bytes = await giver.give(log, at, Math.min(at + CHUNK_BYTES, state.bytes))
    if (bytes === null || bytes.length === 0) return null
    hash.update(bytes)
    await writeAll(options, file, bytes, at)
    if (old !== null) compare(bytes, await readOld(old, at, bytes.length), at, range)
    at += bytes.length
  }
  if (hash.digest('hex') !== state.sha256) {
    options.log.error(
      `what ${giver.name} gave of ${log}.jsonl has another digest than the checkpoint; asking another server`,
    )
    giver.next(log)
    return null
  }
  if (old === null) return 'it was missing'
  return range.first === -1 ? 'no byte differs now' : `bytes ${range.first} to ${range.last + 1} differed`
}

type Range = { first: number; last: number }

function compare(good: Uint8Array, old: Uint8Array, at: number, range: Range): void {
  for (let i = 0; i < good.length; i++) {
    if (good[i] === old[i]) continue
    if (range.first === -1) range.first = at + i
    range.last = at + i
  }
}

/** What the disk gives of the old file; nothing where it cannot. */
const readOld = (old: FileHandle, at: number, length: number): Promise<Uint8Array> =>
  readRange(old.fd, at, at + length).catch(() => Buffer.alloc(0))

/** What the old file has behind the checkpoint: the journal knows what of it is good. */
async function copyTail(options: MendOptions, old: FileHandle, file: FileHandle, from: number): Promise<void> {
  for (let at = from; ; ) {
    const bytes = await readOld(old, at, CHUNK_BYTES)
    if (bytes.length === 0) return
    await writeAll(options, file, bytes, at)
    at += bytes.length
  }
}

async function writeAll({ onFull }: MendOptions, file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const write = () => file.write(bytes, written, bytes.length - written, at + written)
    written += (await retryWhenFull(write, onFull)).bytesWritten
  }
}
