/** `server.json`: what the last checkpoint says of a server's directory, and what there is of the journal behind it. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { EMPTY_CHECKPOINT } from '../core/recovery.ts'
import type { Checkpoint } from '../core/types.ts'
import { isOrigin } from '../protocol/replica.ts'
import { readChecked } from './checked-json.ts'
import type { FileState } from './files.ts'
import { StartError } from './role.ts'

export const FORMAT = 1

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

/**
 * Reads what `showChecked` made of a `Saved`.
 * @throws {StartError} when it is of another version
 * @throws with what is wrong
 */
export function readSaved(text: string, path: string): Saved {
  const value = readChecked(text) as Partial<Saved>
  if (value.format !== FORMAT)
    throw new StartError(`${path} has format ${value.format}, of another version; this one knows ${FORMAT}`)
  const result = SAVED.safeParse(value)
  if (result.success) return result.data as Saved
  const issue = result.error.issues[0]!
  throw new Error(`${issue.path.join('.') || 'it'}: ${issue.message}`)
}

export const sha256Of = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')
