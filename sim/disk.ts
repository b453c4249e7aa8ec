/** A simulated data directory: what a server writes there, and what can happen to it while the server is down. */
import { makeGroup, readSegment } from '../src/core/journal.ts'
import type { Checkpoint } from '../src/core/types.ts'
import type { Data } from '../src/protocol/envelope.ts'
import { append, checksum, cloneFile, createFile, damage, losePower, type SimFile, sync } from './file.ts'
import type { Random } from './random.ts'

export type Segment = SimFile & { commits: number }

export type Disk = {
  segments: Map<number, Segment>
  current: number
  files: Map<string, SimFile>
  /** registry.json and server.json are replaced as a whole; `damaged` when that is no longer what was written. */
  registry: { position: number; state: Data; damaged: boolean } | null
  saved: { checkpoint: Checkpoint; files: Map<string, { length: number; checksum: number }>; damaged: boolean } | null
}

export function createDisk(): Disk {
  const disk: Disk = { segments: new Map(), current: 0, files: new Map(), registry: null, saved: null }
  rotate(disk, [])
  return disk
}

/** Begins a new journal segment with what is still needed of the older ones. */
export function rotate(disk: Disk, carry: readonly Uint8Array[]): void {
  disk.current++
  disk.segments.set(disk.current, { ...createFile(), commits: 0 })
  if (carry.length > 0) writeGroup(disk, carry)
}

export type Written = { segment: number; end: number }

/** Writes a group, not yet fsynced; returns what the fsync will make durable. */
export function writeGroup(disk: Disk, pieces: readonly Uint8Array[]): Written {
  const segment = disk.segments.get(disk.current)!
  append(segment, makeGroup(pieces, ++segment.commits, disk.current))
  return { segment: disk.current, end: segment.length }
}

export function syncGroup(disk: Disk, { segment, end }: Written): void {
  const file = disk.segments.get(segment)
  if (file !== undefined) sync(file, end)
}

export function publicFile(disk: Disk, log: string): SimFile {
  let file = disk.files.get(log)
  if (file === undefined) {
    file = createFile()
    disk.files.set(log, file)
  }
  return file
}

/** Length and checksum of every public file, as server.json states them. */
export const markFiles = (disk: Disk): Map<string, { length: number; checksum: number }> =>
  new Map([...disk.files].map(([log, file]) => [log, { length: file.length, checksum: checksum(file, file.length) }]))

/** A power cut. @returns what was lost, for counting */
export function cutPower(disk: Disk, random: Random): string[] {
  return [
    ...[...disk.segments.values()].flatMap((segment) => losePower(segment, random, 'journal')),
    ...[...disk.files.values()].flatMap((file) => losePower(file, random, 'public file')),
  ]
}

const DAMAGED_PARTS = ['journal', 'public file', 'server.json', 'registry.json'] as const

/**
 * Damages something that was durable.
 * @returns what it was, or null when there was nothing there to damage
 */
export function damageDisk(disk: Disk, random: Random): string | null {
  const part = random.pick(DAMAGED_PARTS)
  const kind = random.pick(['bit flip', 'zeroed sector'] as const)
  if (part === 'journal') {
    const [number, segment] = random.pick([...disk.segments])
    return damage(segment, random, 0, lastGroup(segment, number), kind) ? `${kind} in ${part}` : null
  }
  if (part === 'public file') {
    if (disk.files.size === 0) return null
    const file = random.pick([...disk.files.values()])
    return damage(file, random, 0, file.length, kind) ? `${kind} in ${part}` : null
  }
  const whole = part === 'server.json' ? disk.saved : disk.registry
  if (whole === null) return null
  whole.damaged = true
  return `${kind} in ${part}`
}

/**
 * Where a segment's last group begins. Damage in it cannot be told from a torn write, which is why the journal of an idle
 * or stopped server ends with an empty group; what happens in the fractions of a second before is not promised.
 */
function lastGroup(segment: Segment, number: number): number {
  const bytes = segment.buffer.subarray(0, segment.length)
  const { commits } = readSegment(bytes, number)
  const at = bytes.lastIndexOf(`{"commit":${commits},`)
  const before = bytes.subarray(0, Math.max(at, 0)).lastIndexOf('{"commit":')
  return before === -1 ? 0 : bytes.indexOf(10, before) + 1
}

export function cloneDisk(disk: Disk): Disk {
  return {
    segments: new Map([...disk.segments].map(([n, file]) => [n, { ...cloneFile(file), commits: file.commits }])),
    current: disk.current,
    files: new Map([...disk.files].map(([log, file]) => [log, cloneFile(file)])),
    registry: disk.registry === null ? null : { ...disk.registry },
    saved: disk.saved === null ? null : { ...disk.saved },
  }
}
