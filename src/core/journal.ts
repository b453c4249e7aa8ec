/**
 * The records of the journal and their shape on disk.
 *
 * A segment `journal-<n>.jsonl` is a sequence of groups. A group is some records and then a line
 * `{"commit":k,"segment":n,"crc":…}`: the CRC-32 of the group's bytes before that line. k counts 1, 2, 3 … in a segment.
 * Segments are preallocated or recycled, so what lies behind the last group is zeros or another segment's groups.
 *
 * Records: `{"events":…}` and `{"copied":…}` are each followed by raw lines of the stated length; the others stand alone.
 *
 * Besides records a group may have a note. `{"next":n,"bytes":b}` closes a segment: what follows is in segment n, whose
 * file was made with b bytes. `{"idle":"…"}` says nothing but that what lies before it was complete: the next group is
 * written over it. So whatever was acknowledged has a valid commit line behind it that tells damage from a torn write.
 */
import { crc32 } from 'node:zlib'
import type { Data } from '../protocol/envelope.ts'
import { type Installed, isCount, isInstalled, isOrigin, isView, type Origin, type View } from '../protocol/replica.ts'

export type JournalRecord =
  | { type: 'known'; view: View }
  | { type: 'installed'; installed: Installed }
  | { type: 'events'; origin: Origin; from: number; logs: [log: string, count: number][]; lines: Uint8Array }
  | { type: 'copied'; from: number; to: number; files: [log: string, lines: Uint8Array][] }

/** A record as the pieces it is made of, so that lines are not copied before they are written. */
export type Pieces = Uint8Array[]

export const knownRecord = (view: View): Pieces => [line({ known: view })]

export const installedRecord = (installed: Installed): Pieces => [line({ installed })]

/** The record of contiguous events of one origin: which log each belongs to, run by run, and their lines. */
export const eventsRecord = (origin: Origin, from: number, logs: [string, number][], lines: Uint8Array): Pieces => [
  line({ events: origin, from, logs, bytes: lines.length }),
  lines,
]

/** The record of public lines copied from another server. */
export const copiedRecord = (from: number, to: number, files: [string, Uint8Array][]): Pieces => [
  line({ copied: from, to, files: files.map(([log, lines]) => [log, lines.length]) }),
  ...files.map(([, lines]) => lines),
]

/** Where a journal goes on, and how long that file was when it was made. */
export type Next = { segment: number; bytes: number }

export const nextNote = (next: Next): Pieces => [line({ next: next.segment, bytes: next.bytes })]

/** @param padding how many bytes its commit line is to be further away */
export const idleNote = (padding: number): Pieces => [line({ idle: '.'.repeat(padding) })]

/** Appends a log to runs of logs. */
export function addRun(runs: [string, number][], log: string): void {
  const last = runs[runs.length - 1]
  if (last !== undefined && last[0] === log) last[1]++
  else runs.push([log, 1])
}

/** A group as it goes to disk: the records' pieces and their commit line. */
export function makeGroup(pieces: readonly Uint8Array[], commit: number, segment: number): Buffer {
  let crc = 0
  for (const piece of pieces) crc = crc32(piece, crc)
  return Buffer.concat([...pieces, Buffer.from(`{"commit":${commit},"segment":${segment},"crc":${crc}}\n`)])
}

/**
 * What a segment holds. `end` is one past its last valid group, `groups` how many there are up to the last one with a
 * record, `next` where the journal goes on when the segment was closed. `corrupt` says where damage lies that something
 * valid comes after; a tail that was never committed is no damage.
 */
export type Segment = {
  records: JournalRecord[]
  commits: number
  groups: number
  end: number
  next: Next | null
  corrupt: string | null
}

/** Reads a segment. Never throws: what is damaged is reported. */
export function readSegment(bytes: Uint8Array, segment: number): Segment {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const result: Segment = { records: [], commits: 0, groups: 0, end: 0, next: null, corrupt: null }
  for (;;) {
    const group = readGroup(buffer, result.end, segment, result.commits + 1)
    if (group === null) break
    for (const record of group.records) result.records.push(record)
    result.commits++
    if (group.records.length > 0) result.groups = result.commits
    result.next = group.next
    result.end = group.end
  }
  const later = findCommit(buffer, result.end, segment, result.commits)
  if (later !== null) result.corrupt = `byte ${result.end}: damaged before ${later}`
  return result
}

type Group = { records: JournalRecord[]; next: Next | null; end: number }

function readGroup(buffer: Buffer, start: number, segment: number, commit: number): Group | null {
  const records: JournalRecord[] = []
  let next: Next | null = null
  for (let at = start; ; ) {
    const end = buffer.indexOf(10, at) + 1
    if (end === 0) return null
    const header = parse(buffer, at, end)
    if (header === null) return null
    if (header.commit !== undefined) {
      const valid =
        header.commit === commit && header.segment === segment && header.crc === crc32(buffer.subarray(start, at))
      return valid ? { records, next, end } : null
    }
    const record = readRecord(header, buffer, end)
    if (record !== null) records.push(record.record)
    else if (isCount(header.next) && isCount(header.bytes)) next = { segment: header.next, bytes: header.bytes }
    else if (typeof header.idle !== 'string') return null
    at = record?.end ?? end
  }
}

function readRecord(header: Data, buffer: Buffer, at: number): { record: JournalRecord; end: number } | null {
  if (isView(header.known)) return { record: { type: 'known', view: header.known }, end: at }
  if (isInstalled(header.installed)) return { record: { type: 'installed', installed: header.installed }, end: at }
  if (isOrigin(header.events) && isCount(header.from) && Array.isArray(header.logs) && isCount(header.bytes)) {
    const end = at + header.bytes
    if (end > buffer.length) return null
    const logs = header.logs as [string, number][]
    const record = {
      type: 'events' as const,
      origin: header.events,
      from: header.from,
      logs,
      lines: buffer.subarray(at, end),
    }
    return { record, end }
  }
  if (isCount(header.copied) && isCount(header.to) && Array.isArray(header.files)) {
    const files: [string, Uint8Array][] = []
    let end = at
    for (const [log, bytes] of header.files as [string, number][]) {
      if (!isCount(bytes) || end + bytes > buffer.length) return null
      files.push([log, buffer.subarray(end, end + bytes)])
      end += bytes
    }
    return { record: { type: 'copied', from: header.copied, to: header.to, files }, end }
  }
  return null
}

/** Looks behind the last valid group for a commit line of this segment that was written later. */
function findCommit(buffer: Buffer, start: number, segment: number, commits: number): string | null {
  for (let at = buffer.indexOf('{"commit":', start); at !== -1; at = buffer.indexOf('{"commit":', at + 1)) {
    const end = buffer.indexOf(10, at) + 1
    const header = end === 0 ? null : parse(buffer, at, end)
    // The group right behind may be torn in its middle with its commit line on disk: nobody was told of it.
    if (header !== null && header.segment === segment && isCount(header.commit) && header.commit > commits + 1)
      return `commit ${header.commit} at byte ${at}`
  }
  return null
}

function parse(buffer: Buffer, start: number, end: number): Data | null {
  if (buffer[start] !== 0x7b) return null
  try {
    const value = JSON.parse(buffer.toString('utf8', start, end))
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

const line = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`)
