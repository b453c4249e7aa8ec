/** Damage to files of a server that is not running, of the kinds that disks and people do. */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a server has to be damaged. */
export const TARGETS = ['journal', 'public', 'server.json', 'registry.json'] as const
/** How. */
export const WAYS = ['flipped bit', 'zeroed sector', 'cut off', 'missing'] as const
export type Target = (typeof TARGETS)[number] | 'ref_servers.json'
export type Way = (typeof WAYS)[number]

const SECTOR = 512

/**
 * Damages one file in a directory, at a random place.
 * @param next numbers in [0, 1)
 * @returns what was done, for a person; null when there is no such file, or nothing in it yet
 */
export function damage(directory: string, target: Target, way: Way, next: () => number): string | null {
  const name = fileFor(directory, target)
  if (name === null) return null
  const path = join(directory, name)
  const bytes = readFileSync(path)
  // The rest of a journal is zeros, or an earlier use of its file: damage there is none.
  const length = target === 'journal' ? written(bytes, name) : bytes.length
  if (length === 0) return null
  const at = Math.floor(next() * length)
  if (way === 'missing') rmSync(path)
  else if (way === 'cut off') truncateSync(path, at)
  else {
    if (way === 'flipped bit') bytes[at]! ^= 1 << Math.floor(next() * 8)
    else bytes.fill(0, at - (at % SECTOR), Math.min(length, at - (at % SECTOR) + SECTOR))
    writeFileSync(path, bytes)
  }
  return `${name}: ${way}${way === 'missing' ? '' : ` at byte ${at} of ${length}`}`
}

/** The journal and the public file with the most in it. */
function fileFor(directory: string, target: Target): string | null {
  const names = readdirSync(directory)
  if (target !== 'journal' && target !== 'public') return names.includes(target) ? target : null
  const isJournal = (name: string): boolean => /^journal-\d+\.jsonl$/.test(name)
  const candidates = names.filter((name) => (target === 'journal' ? isJournal(name) : isPublic(name)))
  const size = (name: string): number => statSync(join(directory, name)).size
  const newest = (name: string): number => Number(/\d+/.exec(name)![0])
  const weight = target === 'journal' ? newest : size
  return candidates.sort((a, b) => weight(b) - weight(a))[0] ?? null
}

const isPublic = (name: string): boolean => /^(?!journal-)\w+\.jsonl$/.test(name)

/** Up to the end of the last commit line of this segment. */
function written(bytes: Buffer, name: string): number {
  const segment = /\d+/.exec(name)![0]
  const last = [
    ...bytes.toString('latin1').matchAll(new RegExp(`\\{"commit":\\d+,"segment":${segment},[^\\n]*\\n`, 'g')),
  ].at(-1)
  return last === undefined ? 0 : last.index + last[0].length
}
