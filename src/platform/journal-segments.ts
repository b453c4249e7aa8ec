/**
 * The files of the journal: `journal-<n>.jsonl`, n counting up, and `journal-<k>.free`, which wait to become one.
 *
 * Writing into a file that has its blocks already costs half of what making it longer does, so a segment is made from a
 * file that was filled with zeros before, or was a segment once. A commit line carries its segment's number, so what an
 * earlier use left behind is never taken for a group.
 */
import { closeSync, fstatSync, fsyncSync, openSync, renameSync } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export const SEGMENT_BYTES = 16 << 20
const ZEROS = Buffer.alloc(1 << 20)
const NAME = /^journal-(\d+)\.(jsonl|free)$/

export type Segment = {
  number: number
  descriptor: number
  end: number
  commits: number
  /** How many groups there are up to the last one with a record. */
  groups: number
  /** How long its file was when it was made, on disk: 0 when it has no blocks yet. No crash makes it shorter. */
  bytes: number
}

export const segmentPath = (directory: string, number: number): string => join(directory, `journal-${number}.jsonl`)
const freePath = (directory: string, number: number): string => join(directory, `journal-${number}.free`)
/** A free file that is not complete yet. */
const unfinishedPath = (directory: string): string => join(directory, 'journal.free.new')

/** The numbers of the segments in a directory and of its free files, each in order. */
export async function findSegments(directory: string): Promise<{ used: number[]; free: number[] }> {
  const used: number[] = []
  const free: number[] = []
  for (const name of await readdir(directory)) {
    const match = NAME.exec(name)
    if (match !== null) (match[2] === 'jsonl' ? used : free).push(Number(match[1]))
  }
  const ascending = (a: number, b: number): number => a - b
  return { used: used.sort(ascending), free: free.sort(ascending) }
}

/** Makes a segment, from a free file if there is one; its name is on disk when this returns. */
export function makeSegment(directory: string, number: number, free: number | undefined): Segment {
  const path = segmentPath(directory, number)
  if (free !== undefined) renameSync(freePath(directory, free), path)
  const descriptor = openSync(path, free === undefined ? 'w' : 'r+')
  const folder = openSync(directory, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
  return { number, descriptor, end: 0, commits: 0, groups: 0, bytes: fstatSync(descriptor).size }
}

/**
 * Makes a free file.
 * @param bytes a multiple of 4 KiB
 * @throws what writing throws, ENOSPC for one; then there is none
 */
export async function makeFree(directory: string, number: number, bytes: number): Promise<void> {
  const path = unfinishedPath(directory)
  let file: FileHandle | null = null
  try {
    file = await open(path, 'w')
    for (let at = 0; at < bytes; at += ZEROS.length) {
      // `writeFile` writes at the current place, and all of it.
      await file.writeFile(ZEROS.subarray(0, bytes - at))
    }
    await file.sync()
    await rename(path, freePath(directory, number))
  } catch (error) {
    await unlink(path).catch(() => {})
    throw error
  } finally {
    await file?.close()
  }
}

/**
 * Lets go of a segment that nothing needs any more.
 * @param free under which number its file may wait to be used again; null to delete it
 * @param bytes how long a segment is
 * @returns whether it waits
 */
export async function releaseSegment(
  directory: string,
  number: number,
  free: number | null,
  bytes: number,
): Promise<boolean> {
  const path = segmentPath(directory, number)
  const { size } = await stat(path)
  // One that never had all its blocks, or had to grow for a large group, is no good.
  if (free === null || size < bytes || size > 2 * bytes) {
    await unlink(path)
    return false
  }
  await rename(path, freePath(directory, free))
  return true
}
