/**
 * A simulated data directory. What was fsynced survives anything; of the rest, a kill keeps all (it is in the page
 * cache) and a power cut any prefix of each file.
 */
import { type JournalRecord, makeGroup, readSegment } from '../src/core/journal.ts'
import { EMPTY_CHECKPOINT, foldState, type Recovery, recover } from '../src/core/recovery.ts'
import { rememberLines } from '../src/core/remember.ts'
import type { Checkpoint } from '../src/core/types.ts'
import { createWindow } from '../src/core/window.ts'
import type { Data } from '../src/protocol/envelope.ts'
import type { Application } from '../src/protocol/service.ts'
import type { Random } from './random.ts'

export type File = { bytes: Buffer; synced: number }
type Saved = { checkpoint: Checkpoint; lengths: Record<string, number> }

export type Disk = {
  segments: Map<number, File & { commits: number }>
  current: number
  files: Map<string, File>
  /** How long each public file was when the process last died, for the check that a kill shortens nothing. */
  lowest: Map<string, number>
  registry: { position: number; state: Data } | null
  saved: Saved | null
}

export function createDisk(): Disk {
  const disk: Disk = {
    segments: new Map(),
    current: 0,
    files: new Map(),
    lowest: new Map(),
    registry: null,
    saved: null,
  }
  rotate(disk, [])
  return disk
}

export function append(file: File, bytes: Uint8Array): void {
  file.bytes = Buffer.concat([file.bytes, bytes])
}

/** Begins a new journal segment with what is still needed of the older ones. */
export function rotate(disk: Disk, carry: Uint8Array[]): void {
  disk.current++
  disk.segments.set(disk.current, { bytes: Buffer.alloc(0), synced: 0, commits: 0 })
  if (carry.length > 0) writeGroup(disk, carry)
}

/** Writes a group, not yet fsynced; returns what the fsync will make durable. */
export function writeGroup(disk: Disk, pieces: readonly Uint8Array[]): { segment: number; end: number } {
  const segment = disk.segments.get(disk.current)!
  append(segment, makeGroup(pieces, ++segment.commits, disk.current))
  return { segment: disk.current, end: segment.bytes.length }
}

export function syncSegment(disk: Disk, number: number, end: number): void {
  const segment = disk.segments.get(number)
  if (segment !== undefined) segment.synced = Math.max(segment.synced, end)
}

export function publicFile(disk: Disk, log: string): File {
  let file = disk.files.get(log)
  if (file === undefined) {
    file = { bytes: Buffer.alloc(0), synced: 0 }
    disk.files.set(log, file)
  }
  return file
}

/** A power cut: of what was not fsynced, any prefix of each file stays. */
export function cutPower(disk: Disk, random: Random): void {
  for (const file of [...disk.segments.values(), ...disk.files.values()]) {
    file.bytes = file.bytes.subarray(0, random.between(file.synced, file.bytes.length))
  }
}

/** What a server does with its disk when it starts. */
export function loadDisk(app: Application, disk: Disk, windowPositions: number): Recovery {
  const checkpoint = disk.saved?.checkpoint ?? EMPTY_CHECKPOINT
  for (const [log, file] of disk.files) disk.lowest.set(log, file.bytes.length)
  const window = createWindow(windowPositions)
  const heads = new Map<string, Uint8Array>()
  const tails = new Map<string, Uint8Array>()
  for (const [log, file] of disk.files) {
    const length = disk.saved?.lengths[log] ?? 0
    if (file.bytes.length < length) throw new Error(`${log} lost what was fsynced`)
    heads.set(log, file.bytes.subarray(0, length))
    tails.set(log, file.bytes.subarray(length))
    rememberLines(window, log, heads.get(log)!, checkpoint.position)
  }
  const snapshot = disk.registry?.position === checkpoint.position ? disk.registry.state : null
  const state = snapshot !== null ? app.restore(structuredClone(snapshot)) : foldState(app, heads)
  const journal: JournalRecord[] = []
  for (const [number, file] of [...disk.segments].sort(([a], [b]) => a - b)) {
    const segment = readSegment(file.bytes, number)
    if (segment.corrupt !== null) throw new Error(`journal-${number}: ${segment.corrupt}`)
    journal.push(...segment.records)
  }
  const recovery = recover(app, { checkpoint, state, window, tails, journal })
  for (const [log, file] of disk.files) {
    const length = disk.saved?.lengths[log] ?? 0
    file.bytes = file.bytes.subarray(0, length + (recovery.keep.get(log) ?? 0))
    file.synced = Math.min(file.synced, file.bytes.length)
  }
  for (const [log, lines] of recovery.append) append(publicFile(disk, log), lines)
  // Old segments are never written again: their tails may be torn.
  rotate(disk, [])
  return recovery
}
