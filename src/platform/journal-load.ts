/**
 * Reading the journal back, and making sure that nothing of it is missing: `server.json` says which segments there were
 * when this directory was last opened, and each of those that followed is announced by the one before it.
 */
import { readFile } from 'node:fs/promises'
import { type JournalRecord, type Next, readSegment } from '../core/journal.ts'
import { DamageError, reading } from './damage.ts'
import { findSegments, segmentPath } from './journal-segments.ts'
import type { Claim } from './store-format.ts'

export type JournalFound = {
  records: JournalRecord[]
  /** What there is, for the next `server.json`. */
  claims: Claim[]
  used: number[]
  free: number[]
  /** The number to go on with; no file that may be used again has groups of it. */
  next: number
  /** What is wrong with it, file and place; null when nothing is. */
  damage: string | null
}

/** @param claims what `server.json` says there must be */
export async function readJournal(directory: string, claims: readonly Claim[]): Promise<JournalFound> {
  const { used, free } = await findSegments(directory)
  const next = Math.max(claims.at(-1)!.segment, ...used.map((number) => number + 1))
  const found: JournalFound = { records: [], claims: [], used, free, next, damage: null }
  try {
    await readSegments(directory, claims, found)
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    found.damage = error.message
  }
  return found
}

async function readSegments(directory: string, claims: readonly Claim[], found: JournalFound): Promise<void> {
  const needed = found.used.filter((number) => number >= claims[0]!.segment)
  const expected = new Map(claims.map((claim) => [claim.segment, claim]))
  for (const { segment, groups, bytes } of claims) {
    if (groups + bytes > 0 && !needed.includes(segment)) throw missing(segment)
  }
  const lastClaimed = claims.at(-1)!.segment
  let before: Before | null = null
  for (const number of needed) {
    const bytes = await reading(nameOf(number), () => readFile(segmentPath(directory, number)))
    const segment = readSegment(bytes, number)
    const least: Claim = before?.next?.segment === number ? { groups: 0, ...before.next } : NOTHING
    check(number, bytes.length, segment, expected.get(number) ?? least)
    // What this very process's predecessor began, and not one before it, ends with a note.
    if (number > lastClaimed) checkOrder(number, segment.commits, before)
    before = { number, end: segment.end, next: segment.next }
    for (const record of segment.records) found.records.push(record)
    found.claims.push({ segment: number, groups: segment.groups, bytes: bytes.length })
  }
  if (before !== null && before.number >= lastClaimed && before.next !== null) throw missing(before.next.segment)
}

/** What was read of the segment before. */
type Before = { number: number; end: number; next: Next | null }

const NOTHING: Claim = { segment: 0, groups: 0, bytes: 0 }

function check(number: number, size: number, segment: ReturnType<typeof readSegment>, claim: Claim): void {
  const { corrupt, groups, end } = segment
  if (corrupt !== null) throw new DamageError(`${nameOf(number)}, ${corrupt}`)
  if (size < claim.bytes)
    throw new DamageError(`${nameOf(number)} was cut at byte ${size}; it had ${claim.bytes} bytes`)
  if (groups < claim.groups)
    throw new DamageError(
      `${nameOf(number)}, byte ${end}: damaged; there were ${claim.groups} groups, ${groups} are left`,
    )
}

/** A group is only written once everything in the segment before is durable, the note that closes it too. */
function checkOrder(number: number, commits: number, before: Before | null): void {
  if (before === null || before.number !== number - 1) throw missing(number - 1)
  if (commits > 0 && before.next?.segment !== number)
    throw new DamageError(
      `${nameOf(before.number)}, byte ${before.end}: its end is damaged; ${nameOf(number)} follows it`,
    )
}

const nameOf = (number: number): string => `journal-${number}.jsonl`
const missing = (number: number): DamageError => new DamageError(`${nameOf(number)} is missing`)
