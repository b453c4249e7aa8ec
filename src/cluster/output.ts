/** What the launcher shows of its processes: their records, each with a coloured name in front. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { isColorSupported } from 'pino-pretty'
import type { Config } from '../platform/config.ts'
import { createLogStream, type LogStream } from '../platform/log.ts'
import { escapeControls } from '../platform/pretty.ts'

export type Output = {
  /** A record of a process, one line of JSON. */
  record(name: string, line: string): void
  /** Anything else that it wrote, one line: what Node itself says before it crashes, for example. */
  text(name: string, line: string): void
}

// Cyan, green, yellow, magenta, blue and their bright sisters; red is for errors.
const COLOURS = [36, 32, 33, 35, 34, 96, 92, 93, 95, 94]

/** @param names all processes, so that everybody keeps a colour and the columns line up */
export function createOutput(format: Config['logFormat'], names: readonly string[]): Output {
  const stream: LogStream = createLogStream(format)
  const width = Math.max(...names.map((name) => name.length))
  const shown = new Map(names.map((name, index) => [name, coloured(name.padEnd(width), index)]))
  const record = (name: string, line: string): void => {
    // In JSON the name of the process is one more field; everything else stays as it was written.
    if (format === 'json') stream.write(`{"process":${JSON.stringify(name)},${line.slice(1)}\n`)
    else stream.write(line, shown.get(name) ?? name)
  }
  return {
    record,
    text: (name, line) => record(name, JSON.stringify({ level: 40, time: Date.now(), msg: escapeControls(line) })),
  }
}

function coloured(text: string, index: number): string {
  return isColorSupported ? `\u001b[${COLOURS[index % COLOURS.length]}m${text}\u001b[39m` : text
}

/** Calls back for every line of a stream. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine)
}

/** A line as a log record, or null when it is none. */
export function parseRecord(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{"level":')) return null
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
}
