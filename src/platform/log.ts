/** Logs: one record an event, written at once; a record that a crash follows is not lost. */
import pino from 'pino'
import type { Config } from './config.ts'
import { createPretty, escapeJson, type LogRecord } from './pretty.ts'

export type Log = pino.Logger

/**
 * A log.
 * @param role who is writing; every record has it
 * @param stream where to; by default standard output
 */
export function createLog(
  config: Pick<Config, 'logLevel' | 'logFormat'>,
  role: string,
  stream: LogStream = createLogStream(config.logFormat),
): Log {
  // Its own wrapper, because pino hands more than the line to a stream that asks for it.
  const lines = { write: (line: string) => stream.write(line) }
  return pino({ level: config.logLevel, base: { pid: process.pid, role } }, lines)
}

/** Takes lines of JSON, one record each. `who` stands in for the record's role, and may have colours. */
export type LogStream = { write(line: string, who?: string): void }

/** Where records go: JSON as it is, or one pretty line each. Synchronous; a reader that went away stops nothing. */
export function createLogStream(format: Config['logFormat']): LogStream {
  const out = pino.destination({ dest: 1, sync: true })
  if (format === 'json') return { write: (line) => out.write(escapeJson(line)) }
  const pretty = createPretty()
  return { write: (line, who) => out.write(pretty(JSON.parse(line) as LogRecord, who)) }
}
