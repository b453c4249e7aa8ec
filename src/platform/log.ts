/** Logs: one record an event, written at once; a record that a crash follows is not lost. */
import pino from 'pino'
import type { Config } from './config.ts'
import { createPretty, escapeJson, type LogRecord } from './pretty.ts'

export type Log = pino.Logger

/**
 * A log on standard output.
 * @param role who is writing; every record has it
 */
export function createLog(config: Pick<Config, 'logLevel' | 'logFormat'>, role: string): Log {
  const options: pino.LoggerOptions = { level: config.logLevel, base: { pid: process.pid, role } }
  return pino(options, createLogStream(config.logFormat))
}

/** Where records go: JSON as it is, or one pretty line each. Synchronous; a reader that went away stops nothing. */
export function createLogStream(format: Config['logFormat']): pino.DestinationStream {
  const out = pino.destination({ dest: 1, sync: true })
  if (format === 'json') return { write: (line) => out.write(escapeJson(line)) }
  const pretty = createPretty()
  return { write: (line) => out.write(pretty(JSON.parse(line) as LogRecord)) }
}
