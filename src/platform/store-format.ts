/** `server.json`: what the last checkpoint says of a server's directory. */
import { join } from 'node:path'
import { z } from 'zod'
import type { Checkpoint } from '../core/types.ts'
import { isOrigin } from '../protocol/replica.ts'

export const FORMAT = 1

const count = z.number().int().min(0)
const checkpoint = z.object({
  position: count,
  ordered: z.record(z.string().refine(isOrigin, 'not an origin'), count),
  digest: z.string().regex(/^[0-9a-f]{16}$/),
  clock: count,
})
const SAVED = z.object({
  format: z.literal(FORMAT),
  rank: count,
  checkpoint,
  files: z.record(z.string().regex(/^[a-z_]{1,64}$/), z.object({ bytes: count, sha256: z.string() })),
})

export type Saved = {
  format: number
  rank: number
  checkpoint: Checkpoint
  /** Length and SHA-256 of each public file at the checkpoint. */
  files: Record<string, { bytes: number; sha256: string }>
}

export const savedPath = (directory: string): string => join(directory, 'server.json')
export const registryPath = (directory: string): string => join(directory, 'registry.json')

/** @throws with what is wrong */
export function readSaved(text: string): Saved {
  const result = SAVED.safeParse(JSON.parse(text))
  if (result.success) return result.data as Saved
  const issue = result.error.issues[0]!
  throw new Error(`${issue.path.join('.') || 'it'}: ${issue.message}`)
}

/** The format that a text states, or null: one that is newer than ours is not damage. */
export function formatOf(text: string): number | null {
  try {
    const { format } = JSON.parse(text)
    return typeof format === 'number' ? format : null
  } catch {
    return null
  }
}

export const showSaved = (saved: Saved): string => `${JSON.stringify(saved, null, 2)}\n`
