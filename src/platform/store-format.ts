/** `server.json`: what the last checkpoint says of a server's directory, and what there is of the journal behind it. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { EMPTY_CHECKPOINT } from '../core/recovery.ts'
import type { Checkpoint } from '../core/types.ts'
import { isOrigin } from '../protocol/replica.ts'
import type { FileState } from './files.ts'
import { StartError } from './role.ts'

export const FORMAT = 2

/**
 * What there must be of a journal segment: so many groups up to the last one with a record, and a file at least so long.
 * One without any may be missing: it is to be made.
 */
export type Claim = { segment: number; groups: number; bytes: number }

export type Saved = {
  format: number
  rank: number
  checkpoint: Checkpoint
  /** Length and SHA-256 of each public file at the checkpoint. */
  files: Record<string, FileState>
  /** SHA-256 of `registry.json` at the checkpoint; null when there was none yet. */
  registry: string | null
  /** The segments that were there when this was written, oldest first; those before the first are not needed. */
  journal: Claim[]
}

const count = z.number().int().min(0)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const SAVED = z.strictObject({
  format: z.literal(FORMAT),
  rank: count,
  checkpoint: z.strictObject({
    position: count,
    ordered: z.record(z.string().refine(isOrigin, 'not an origin'), count),
    digest: z.string().regex(/^[0-9a-f]{16}$/),
    clock: count,
  }),
  files: z.record(z.string().regex(/^[a-z_]{1,64}$/), z.strictObject({ bytes: count, sha256 })),
  registry: sha256.nullable(),
  journal: z.array(z.strictObject({ segment: count, groups: count, bytes: count })).min(1),
})

export const savedPath = (directory: string): string => join(directory, 'server.json')
export const registryPath = (directory: string): string => join(directory, 'registry.json')

/** What a directory begins with. */
export const firstSaved = (rank: number): Saved => ({
  ...{ format: FORMAT, rank, checkpoint: EMPTY_CHECKPOINT, files: {}, registry: null },
  journal: [{ segment: 1, groups: 0, bytes: 0 }],
})

/** The text of a value with the CRC-32 of what comes before as its last member, so that no changed byte goes unseen. */
export function withChecksum(value: object): string {
  const text = JSON.stringify(value, null, 2).slice(0, -2)
  return `${text},\n  "crc": ${crc32(text)}\n}\n`
}

const CHECKED = /^([\s\S]*),\n {2}"crc": (\d{1,10})\n}\n$/

/**
 * Reads what `withChecksum` made of a `Saved`.
 * @throws {StartError} when it is of another version
 * @throws with what is wrong
 */
export function readSaved(text: string, path: string): Saved {
  const match = CHECKED.exec(text)
  if (match === null || String(crc32(match[1]!)) !== match[2]) {
    if (isOfOldFormat(text)) throw otherFormat(path, 1)
    throw new Error(match === null ? 'it does not end with its checksum' : 'its checksum is another one')
  }
  const value = JSON.parse(`${match[1]}}`)
  if (value.format !== FORMAT) throw otherFormat(path, value.format)
  const result = SAVED.safeParse(value)
  if (result.success) return result.data as Saved
  const issue = result.error.issues[0]!
  throw new Error(`${issue.path.join('.') || 'it'}: ${issue.message}`)
}

const otherFormat = (path: string, format: unknown): StartError =>
  new StartError(`${path} has format ${format}, of another version; this one knows ${FORMAT}`)

/** The first format had no checksum. */
function isOfOldFormat(text: string): boolean {
  try {
    const value = JSON.parse(text)
    return value.format === 1 && !('crc' in value)
  } catch {
    return false
  }
}

export const sha256Of = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')
