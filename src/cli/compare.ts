/**
 * Compares the public files of all servers, byte for byte: each must be a prefix of the longest. One pass over the
 * bytes, in pieces, so neither size nor a cluster that goes on writing matters: what counts is as long as each file
 * was at the start.
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

export type FileReport = {
  server: string
  /** null: the server has no such file. */
  bytes: number | null
  lines: number
  /** As `sha256sum` prints it. */
  sha256: string
  result: 'identical' | 'prefix' | 'differs'
  /** Whole lines fewer than the longest has. */
  linesBehind: number
  /** Where it first differs from the longest, both counted from 1 as `cmp` does; null when it does not. */
  differsAt: { byte: number; line: number } | null
}
export type LogReport = { file: string; servers: FileReport[] }

const PIECE_BYTES = 256 * 1024

/** The server folders under a data directory, by rank. None when there is no such directory. */
export async function serversIn(dataDir: string): Promise<string[]> {
  const names = await namesIn(dataDir)
  const rank = (name: string): number => Number(name.slice('server-'.length))
  return names.filter((name) => /^server-[1-9]\d*$/.test(name)).sort((a, b) => rank(a) - rank(b))
}

/** Compares every public file that any of the servers has, by name. */
export async function compareServers(dataDir: string, servers: readonly string[]): Promise<LogReport[]> {
  const files = new Set<string>()
  for (const server of servers)
    for (const name of await namesIn(join(dataDir, server))) if (isPublic(name)) files.add(name)
  const reports: LogReport[] = []
  for (const file of [...files].sort()) reports.push({ file, servers: await compareFile(dataDir, servers, file) })
  return reports
}

/** What is in a folder; nothing when there is none. One that may not be read is an error, not an empty one. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const isPublic = (name: string): boolean => name.endsWith('.jsonl') && !name.startsWith('journal-')

type Reading = {
  server: string
  handle: FileHandle | null
  /** How much of it counts. */
  length: number
  piece: Buffer
  hash: Hash
  lines: number
  differsAt: { byte: number; line: number } | null
}

async function compareFile(dataDir: string, servers: readonly string[], file: string): Promise<FileReport[]> {
  const readings = await Promise.all(servers.map((server) => openReading(server, join(dataDir, server, file))))
  try {
    const longest = readings.reduce((best, next) => (next.length > best.length ? next : best))
    for (let offset = 0; offset < longest.length; offset += PIECE_BYTES) {
      const pieces = await Promise.all(readings.map((reading) => readPiece(reading, offset)))
      const reference = pieces[readings.indexOf(longest)]!
      const linesBefore = longest.lines
      readings.forEach((reading, index) => {
        take(reading, pieces[index]!, reference, offset, linesBefore)
      })
    }
    return readings.map((reading) => report(reading, longest))
  } finally {
    await Promise.all(readings.map(({ handle }) => handle?.close()))
  }
}

async function openReading(server: string, path: string): Promise<Reading> {
  let handle: FileHandle | null = null
  try {
    handle = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const length = handle === null ? 0 : (await handle.stat()).size
  const piece = Buffer.allocUnsafe(Math.min(length, PIECE_BYTES))
  return { server, handle, length, piece, hash: createHash('sha256'), lines: 0, differsAt: null }
}

async function readPiece(reading: Reading, offset: number): Promise<Buffer> {
  const wanted = Math.max(0, Math.min(PIECE_BYTES, reading.length - offset))
  let filled = 0
  while (filled < wanted) {
    const { bytesRead } = await reading.handle!.read(reading.piece, filled, wanted - filled, offset + filled)
    // Shorter than it was a moment ago: no server ever does that to a file it keeps.
    if (bytesRead === 0) throw new Error(`${reading.server}: a file became shorter while it was read`)
    filled += bytesRead
  }
  return reading.piece.subarray(0, filled)
}

function take(reading: Reading, piece: Buffer, reference: Buffer, offset: number, linesBefore: number): void {
  reading.hash.update(piece)
  if (reading.differsAt === null && !piece.equals(reference.subarray(0, piece.length))) {
    let at = 0
    while (piece[at] === reference[at]) at++
    reading.differsAt = { byte: offset + at + 1, line: linesBefore + countLines(reference.subarray(0, at)) + 1 }
  }
  reading.lines += countLines(piece)
}

function countLines(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) lines++
  return lines
}

function report(reading: Reading, longest: Reading): FileReport {
  const { server, handle, length, lines, differsAt } = reading
  const same = length === longest.length ? 'identical' : 'prefix'
  return {
    server,
    bytes: handle === null ? null : length,
    lines,
    sha256: reading.hash.digest('hex'),
    result: differsAt === null ? same : 'differs',
    linesBehind: Math.max(0, longest.lines - lines),
    differsAt,
  }
}
