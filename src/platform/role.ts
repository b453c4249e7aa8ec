/**
 * What every process is: configuration, a log, a health server, something to start, and a clean end.
 * `main.ts` of each role is one call of `runRole`.
 */
import { randomUUID } from 'node:crypto'
import { PluginError } from '../protocol/plugin.ts'
import { type Config, ConfigError, loadConfig } from './config.ts'
import { startHealth } from './health.ts'
import { createLog, type Log } from './log.ts'
import { createMessageLog, type MessageLog } from './message-log.ts'

export type RoleContext = {
  config: Config
  log: Log
  /** Null unless debug records are written. */
  messages: MessageLog | null
  /** Registers what has to be done before the process ends; the newest is done first. */
  onStop(stopper: () => Promise<void> | void): void
  /** Whether requests would succeed now; a new role is not ready until it says so. */
  setHealth(ready: boolean, detail?: Record<string, unknown>): void
  /** Says where the process's Lamport clock is read: every log record and `/healthz` show it. 0 until then. */
  setClock(read: () => number): void
  /** Ends the process with one clear line and exit code 1: for what no restart will repair. */
  fatal(message: string): never
}

/** Why a process cannot start: one line that says what to do about it. */
export class StartError extends Error {}

/** All stoppers together must be done within this. */
const STOP_LIMIT_MS = 5000

/**
 * Runs a role until SIGTERM, SIGINT or the end of the process that started it, and then exits with 0.
 * What goes wrong ends with one line on the log and exit code 1.
 */
export function runRole(role: string, start: (context: RoleContext) => Promise<void>): void {
  let config: Config
  try {
    config = loadConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
  let readClock = (): number => 0
  const log = createLog(config, role, undefined, () => readClock())
  // Process numbers come again, in containers at every start: this tells one run from the next.
  log.debug({ run: randomUUID() }, `${role} begins`)
  const fail = (error: unknown): never => {
    const line = startFailure(error)
    if (line === null) log.fatal({ err: error }, `${role} crashed`)
    else log.fatal({ startError: true }, line)
    process.exit(1)
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)

  const stoppers: (() => Promise<void> | void)[] = []
  stopOnRequest(stoppers, log)
  const run = async (): Promise<void> => {
    const health = await startHealth(role, config.bindHost, config.healthPort, () => readClock())
    stoppers.push(() => health.close())
    await start({
      config,
      log,
      messages: createMessageLog(log),
      onStop: (stopper) => stoppers.push(stopper),
      setHealth: health.set,
      setClock(read) {
        readClock = read
      },
      fatal: (message) => {
        log.fatal({ startError: true }, message)
        process.exit(1)
      },
    })
  }
  run().catch(fail)
}

/** Stops once, whatever asks and however often. */
function stopOnRequest(stoppers: (() => Promise<void> | void)[], log: Log): void {
  let stopping = false
  const stop = (reason: string): void => {
    if (stopping) return
    stopping = true
    log.info({ reason }, 'stopping')
    setTimeout(() => {
      log.error({ seconds: STOP_LIMIT_MS / 1000 }, 'did not stop in time')
      process.exit(1)
    }, STOP_LIMIT_MS).unref()
    void unwind(stoppers, log).then((clean) => process.exit(clean ? 0 : 1))
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  // Started by the cluster's launcher: without it nobody would ever stop this process.
  if (process.connected) process.on('disconnect', () => stop('the process that started this one is gone'))
}

async function unwind(stoppers: (() => Promise<void> | void)[], log: Log): Promise<boolean> {
  let clean = true
  for (let stopper = stoppers.pop(); stopper !== undefined; stopper = stoppers.pop()) {
    try {
      await stopper()
    } catch (error) {
      clean = false
      log.error({ err: error }, 'while stopping')
    }
  }
  return clean
}

const ADDRESS_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process; PORT_OFFSET=100 moves every port',
  EACCES: 'may not be used by this user; PORT_OFFSET=10000 moves every port',
  EADDRNOTAVAIL: 'is not an address of this machine',
}

/** The one line for failures that are no bug of ours, or null. */
function startFailure(error: unknown): string | null {
  if (error instanceof StartError || error instanceof ConfigError || error instanceof PluginError) return error.message
  const { code, address, port, path, message } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  const what = code === undefined ? undefined : ADDRESS_FAILURES[code]
  if (what === undefined) return null
  if (path !== undefined) return message
  return `address ${port === undefined ? (address ?? message) : `${address}:${port}`} ${what}`
}
