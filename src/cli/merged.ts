/**
 * All public files of a cluster as one stream in the order of positions. Every file's copies are prefixes of the longest
 * one, so the longest copy of each, whichever server has it, is all there is. Every position is in exactly one file; so
 * while a cluster goes on, the stream ends before the first position that is not there yet, and up to there it is whole.
 */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { isMap } from '../protocol/envelope.ts'
import { serversIn } from './compare.ts'
import { Failure } from './failure.ts'

/** The longest copy of a public file; it counts as long as it was when looked at. */
export type LogFile = { log: string; path: string; bytes: number }
/** An event with the file that it is in. */
export type MergedEvent = { n: number; log: string } & Record<string, unknown>

/** Of every public file the longest copy, by name. */
export async function longestFiles(dataDir: string): Promise<LogFile[]> {
  const longest = new Map<string, LogFile>()
  for (const server of await serversIn(dataDir)) {
    for (const name of (await readdir(join(dataDir, server))).sort()) {
      if (!name.endsWith('.jsonl') || name.startsWith('journal-')) continue
      const path = join(dataDir, server, name)
      const { size } = await stat(path)
      const log = name.slice(0, -'.jsonl'.length)
      if (size > (longest.get(log)?.bytes ?? -1)) longest.set(log, { log, path, bytes: size })
    }
  }
  return [...longest.values()].sort((a, b) => (a.log < b.log ? -1 : 1))
}

/** What is skipped has no effect (a repeat, a name that was taken): a file of its own says why. */
const SKIPPED = 'skipped'

/**
 * The events that had an effect, in order.
 * @param onBytes told how much more has been read
 * @throws {Failure} when a file is damaged
 */
export async function* mergedEvents(
  files: readonly LogFile[],
  onBytes: (bytes: number) => void,
): AsyncGenerator<MergedEvent> {
  const sources = files.map((file) => eventsIn(file, onBytes))
  try {
    const heads = await Promise.all(sources.map((source) => source.next()))
    for (let position = 1; ; position++) {
      const index = heads.findIndex(({ done, value }) => done !== true && value.n === position)
      if (index === -1) return
      const event = heads[index]!.value as MergedEvent
      if (files[index]!.log !== SKIPPED) yield event
      heads[index] = await sources[index]!.next()
    }
  } finally {
    for (const source of sources) void source.return(undefined)
  }
}

async function* eventsIn({ log, path, bytes }: LogFile, onBytes: (bytes: number) => void): AsyncGenerator<MergedEvent> {
  if (bytes === 0) return
  const input = createReadStream(path, { end: bytes - 1, highWaterMark: 256 * 1024 })
  input.on('data', (piece) => onBytes(piece.length))
  let number = 0
  // The last line may be half written, any other not.
  let broken = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (broken > 0) break
    const event = parse(line)
    if (event === null) broken = number
    else yield withLog(event, log)
  }
  if (broken > 0 && broken < number) throw new Failure(`${path} is damaged at line ${broken} — npx compasso verify`)
}

/** The file's name behind the position; an event that names its own keeps it. */
const withLog = ({ n, ...rest }: { n: number }, log: string): MergedEvent => ({ n, log, ...rest })

function parse(line: string): ({ n: number } & Record<string, unknown>) | null {
  try {
    const event: unknown = JSON.parse(line)
    return isMap(event) && typeof event.n === 'number' ? { ...event, n: event.n } : null
  } catch {
    return null
  }
}
