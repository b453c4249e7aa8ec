/** Comparing public files with what the last checkpoint says of them. */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { parseLine } from '../core/lines.ts'
import { DamageError, reading } from './damage.ts'
import { type FileState, publicPath } from './files.ts'
import { fillFrom, NEWLINE, readRange } from './files-lines.ts'
import { BlockSums } from './files-sums.ts'

const HASH_BYTES = 1 << 20
const SEARCH_BYTES = 4 << 20
const PUBLIC = /^(?!journal-)([a-z_]{1,64})\.jsonl$/

/** A public file that is what its checkpoint says. */
export type CheckedFile = {
  handle: FileHandle
  /** The part that the checkpoint speaks of, bytes; what lies behind it is not checked. */
  bytes: number
  /** Of that part. */
  hash: Hash
  sums: BlockSums
}

export type DamagedFile = { log: string; state: FileState; text: string }

/**
 * Checks every public file of a directory, and that none is missing.
 * @param states per file, its length and digest at the checkpoint
 * @returns the whole ones, open for reading, and the others
 */
export async function checkFiles(
  directory: string,
  states: Readonly<Record<string, FileState>>,
): Promise<{ whole: Map<string, CheckedFile>; damaged: DamagedFile[] }> {
  const there = (await readdir(directory)).map((name) => PUBLIC.exec(name)?.[1]).filter((log) => log !== undefined)
  const whole = new Map<string, CheckedFile>()
  const damaged: DamagedFile[] = []
  for (const log of [...new Set([...there, ...Object.keys(states)])].sort()) {
    const state = states[log]
    try {
      if (!there.includes(log)) throw new DamageError(`${log}.jsonl is missing`)
      whole.set(log, await checkFile(directory, log, state))
    } catch (error) {
      if (!(error instanceof DamageError) || state === undefined) {
        await closeFiles(whole)
        throw error
      }
      damaged.push({ log, state, text: error.message })
    }
  }
  return { whole, damaged }
}

/** Ends the use of checked files. */
export async function closeFiles(files: ReadonlyMap<string, CheckedFile>): Promise<void> {
  for (const { handle } of files.values()) await handle.close()
}

async function checkFile(directory: string, log: string, state: FileState | undefined): Promise<CheckedFile> {
  const file: CheckedFile = {
    handle: await open(publicPath(directory, log)),
    bytes: state?.bytes ?? 0,
    hash: createHash('sha256'),
    sums: new BlockSums(),
  }
  try {
    if (state !== undefined) await readChecked(file, log, state)
  } catch (error) {
    await file.handle.close()
    throw error
  }
  return file
}

async function readChecked({ handle, hash, sums }: CheckedFile, log: string, state: FileState): Promise<void> {
  const { size } = await handle.stat()
  if (size < state.bytes) throw new DamageError(`${log}.jsonl was cut at byte ${size}; it had ${state.bytes} bytes`)
  // Two buffers in turn: the next chunk is read by a thread while this one is hashed.
  const buffers = [Buffer.allocUnsafeSlow(HASH_BYTES), Buffer.allocUnsafeSlow(HASH_BYTES)] as const
  const read = (at: number, turn: number): Promise<Buffer> => {
    const upTo = Math.min(at + HASH_BYTES, state.bytes)
    const buffer = buffers[turn & 1]!.subarray(0, upTo - at)
    return reading(`${log}.jsonl, bytes ${at} to ${upTo}`, () => fillFrom(handle.fd, at, buffer))
  }
  let next = read(0, 0)
  for (let at = 0, turn = 1; at < state.bytes; turn++) {
    const chunk = await next
    if (chunk.length === 0) throw new DamageError(`${log}.jsonl became shorter while it was read`)
    at += chunk.length
    next = read(at, turn)
    // What fails is thrown when it is waited for.
    next.catch(() => {})
    hash.update(chunk)
    sums.update(chunk)
  }
  if (hash.copy().digest('hex') !== state.sha256)
    throw new DamageError(`${log}.jsonl, bytes 0 to ${state.bytes}: not those of its checkpoint (SHA-256)`)
}

/** What is wrong with a file whose digest is not that of its checkpoint, with the place if a line there tells it. */
export async function describeDamage(directory: string, { log, state, text }: DamagedFile): Promise<string> {
  const handle = await open(publicPath(directory, log)).catch(() => null)
  if (handle === null) return text
  try {
    const { size } = await handle.stat()
    const wrong = size < state.bytes ? null : await findWrongLine(handle, log, state.bytes)
    return wrong === null ? text : `${log}.jsonl, byte ${wrong}: no line that belongs there; ${text}`
  } catch {
    return text
  } finally {
    await handle.close()
  }
}

/** Where the first line begins that is no public line or is out of order; null when there is none. */
async function findWrongLine(handle: FileHandle, log: string, length: number): Promise<number | null> {
  let position = 0
  for (let at = 0; at < length; ) {
    const chunk = await readRange(handle.fd, at, Math.min(at + SEARCH_BYTES, length))
    let start = 0
    for (let end = chunk.indexOf(NEWLINE) + 1; end > 0; end = chunk.indexOf(NEWLINE, start) + 1) {
      const line = parseLine(chunk.toString('utf8', start, end), log)
      if (line === null || line.n <= position) return at + start
      position = line.n
      start = end
    }
    if (start === 0) return at
    at += start
  }
  return null
}
