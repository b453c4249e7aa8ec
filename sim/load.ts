/**
 * What a server does with its disk when it starts: the real recovery, and the decisions of platform/store-load.ts about
 * damage. A damaged journal goes, and the server is fresh; a damaged public file is repaired from another server before
 * anything else; without a believable server.json everything goes; registry.json is folded from the public files.
 */
import { type JournalRecord, readSegment } from '../src/core/journal.ts'
import { EMPTY_CHECKPOINT, foldState, type Recovery, recover } from '../src/core/recovery.ts'
import { rememberLines } from '../src/core/remember.ts'
import { createWindow } from '../src/core/window.ts'
import type { Application } from '../src/protocol/service.ts'
import { createDisk, type Disk, publicFile, rotate } from './disk.ts'
import { append, checksum, contents, sync, truncate } from './file.ts'

export type Loaded = { recovery: Recovery; damaged: string | null }

/** The first public file that is not what its checkpoint says, with the length and checksum that it should have. */
export function findDamagedFile(disk: Disk): { log: string; length: number; checksum: number } | null {
  if (disk.saved === null || disk.saved.damaged) return null
  for (const [log, { length, checksum: sum }] of disk.saved.files) {
    const file = disk.files.get(log)
    if (file === undefined || file.length < length || checksum(file, length) !== sum)
      return { log, length, checksum: sum }
  }
  return null
}

/** Recovers; the public files must be what their checkpoint says. */
export function loadDisk(app: Application, disk: Disk, windowPositions: number): Loaded {
  let damaged: string | null = null
  if (disk.saved?.damaged) {
    Object.assign(disk, createDisk())
    damaged = 'server.json'
  }
  const checkpoint = disk.saved?.checkpoint ?? EMPTY_CHECKPOINT
  const lengthOf = (log: string): number => disk.saved?.files.get(log)?.length ?? 0
  const journal = readJournal(disk)
  if (journal === null) {
    damaged = 'journal'
    disk.segments.clear()
    for (const [log, file] of disk.files) truncate(file, lengthOf(log))
  }
  const window = createWindow(windowPositions)
  const heads = new Map<string, Uint8Array>()
  const tails = new Map<string, Uint8Array>()
  for (const [log, file] of disk.files) {
    heads.set(log, contents(file).subarray(0, lengthOf(log)))
    tails.set(log, contents(file).subarray(lengthOf(log)))
    rememberLines(window, log, heads.get(log)!, checkpoint.position)
  }
  const { registry } = disk
  const snapshot =
    registry !== null && !registry.damaged && registry.position === checkpoint.position ? registry.state : null
  const state = snapshot !== null ? app.restore(structuredClone(snapshot)) : foldState(app, heads)
  const recovery = recover(app, { checkpoint, state, window, tails, journal: journal ?? [] })
  for (const [log, file] of disk.files) truncate(file, lengthOf(log) + (recovery.keep.get(log) ?? 0))
  for (const [log, lines] of recovery.append) append(publicFile(disk, log), lines)
  // What a killed process wrote may not be durable yet; from now on it counts.
  for (const segment of disk.segments.values()) sync(segment, segment.length)
  // Old segments are never written again: their tails may be torn.
  rotate(disk, [])
  return { recovery, damaged }
}

/** All records, or null when what was durable is damaged. */
function readJournal(disk: Disk): JournalRecord[] | null {
  const records: JournalRecord[] = []
  for (const [number, file] of [...disk.segments].sort(([a], [b]) => a - b)) {
    const segment = readSegment(contents(file), number)
    if (segment.corrupt !== null) return null
    records.push(...segment.records)
  }
  return records
}
