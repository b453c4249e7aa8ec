/** Logs: one record an event, written at once; a record that a crash follows is not lost. */
import pino from 'pino'
import type { Config } from './config.ts'
import { createPretty, escapeJson, type LogRecord } from './pretty.ts'

export type Log = pino.Logger

/**
 * A log.
 * @param role who is writing; every record has it
 * @param stream where to; by default standard output
 * @param clock the process's Lamport clock; every record has the value of the moment
 */
export function createLog(
  config: Pick<Config, 'logLevel' | 'logFormat'>,
  role: string,
  stream: LogStream = createLogStream(config.logFormat),
  clock?: () => number,
): Log {
  // Its own wrapper, because pino hands more than the line to a stream that asks for it.
  const lines = { write: (line: string) => stream.write(line) }
  const options = { level: config.logLevel, base: { pid: process.pid, role } }
  return pino(clock === undefined ? options : { ...options, ...withClock(clock) }, lines)
}

/** The clock behind the other fields; a record that has one of its own, from when it happened, keeps that. */
const withClock = (clock: () => number): Pick<pino.LoggerOptions, 'mixin' | 'mixinMergeStrategy'> => ({
  mixin: () => ({ clock: clock() }),
  mixinMergeStrategy: (fields, mixed) => ('clock' in fields ? fields : { ...fields, ...mixed }),
})

/** Takes lines of JSON, one record each. `who` stands in for the record's role, and may have colours. */
export type LogStream = { write(line: string, who?: string): void }

/** Where records go: JSON as it is, or one pretty line each. Synchronous; a reader that went away stops nothing. */
export function createLogStream(format: Config['logFormat']): LogStream {
  const out = pino.destination({ dest: 1, sync: true })
  if (format === 'json') return { write: (line) => out.write(escapeJson(line)) }
  const pretty = createPretty()
  return { write: (line, who) => out.write(pretty(JSON.parse(line) as LogRecord, who)) }
}
