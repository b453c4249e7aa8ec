/** One process of the cluster: started, started again when it dies, stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../platform/log.ts'
import { type Output, parseRecord, readLines } from './output.ts'
import type { ProcessPlan } from './plan.ts'

export type Child = {
  readonly plan: ProcessPlan
  start(): void
  /**
   * Asks it to end and waits; after the limit it is killed.
   * @returns whether it ended by itself
   */
  stop(limitMs: number): Promise<boolean>
}

export type ChildEvents = {
  output: Output
  log: Log
  /** It ended because it cannot start, with one line that says why. Returns whether it should be tried again. */
  onStartFailure(name: string, reason: string): boolean
}

/** As Docker does it: soon, then ever more slowly, and soon again once it has lived for a while. */
const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 10_000
const SETTLED_MS = 10_000

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

export function createChild(plan: ProcessPlan, events: ChildEvents): Child {
  let current: ChildProcess | null = null
  let timer: NodeJS.Timeout | null = null
  let stopping = false
  let delayMs = FIRST_DELAY_MS

  const start = (): void => {
    timer = null
    const startedAt = Date.now()
    const child = launch(plan)
    current = child
    events.log.info({ child: plan.name, child_pid: child.pid }, 'started')
    const startFailure = follow(plan.name, child, events.output)
    // 'close', not 'exit': by then everything it wrote has been read.
    child.once('close', (code, signal) => {
      current = null
      if (stopping) return
      const reason = startFailure()
      if (code === 1 && reason !== null && !events.onStartFailure(plan.name, reason)) return
      if (Date.now() - startedAt > SETTLED_MS) delayMs = FIRST_DELAY_MS
      const how = signal === null ? { code } : { signal }
      events.log.warn({ child: plan.name, ...how, again_in_ms: delayMs }, 'ended unexpectedly')
      timer = setTimeout(start, delayMs)
      delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)
    })
  }
  const stop = async (limitMs: number): Promise<boolean> => {
    stopping = true
    if (timer !== null) clearTimeout(timer)
    return current === null ? true : end(plan.name, current, limitMs, events.log)
  }
  return { plan, start, stop }
}

/**
 * In a session of its own, so that Ctrl-C reaches the launcher only, and with a channel whose end tells it that the
 * launcher has died.
 */
function launch(plan: ProcessPlan): ChildProcess {
  const program = join(import.meta.dirname, '..', plan.role, `main.${extension}`)
  return spawn(process.execPath, [program], {
    env: plan.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
}

/** Passes on what it writes. The result tells why it could not start, once it has ended, or null. */
function follow(name: string, child: ChildProcess, output: Output): () => string | null {
  let reason: string | null = null
  let records = 0
  const texts: string[] = []
  const read = (line: string): void => {
    const record = parseRecord(line)
    if (record === null) {
      if (texts.length < 2) texts.push(line)
      output.text(name, line)
      return
    }
    records++
    // Not shown here: whoever hears of it says it once.
    if (record.startError === true) reason = String(record.msg)
    else output.record(name, line)
  }
  readLines(child.stdout!, read)
  readLines(child.stderr!, read)
  child.on('error', (error) => {
    reason = error.message
  })
  // One line and nothing else is how a wrong configuration ends, before there is a log.
  return () => reason ?? (records === 0 && texts.length === 1 ? texts[0]! : null)
}

async function end(name: string, child: ChildProcess, limitMs: number, log: Log): Promise<boolean> {
  const closed = new Promise<true>((resolve) => child.once('close', () => resolve(true)))
  child.kill('SIGTERM')
  // One that somebody has paused (kill -STOP) could not hear that.
  child.kill('SIGCONT')
  const waiting = new AbortController()
  const inTime = await Promise.race([closed, sleep(limitMs, false, { signal: waiting.signal })])
  if (inTime) {
    waiting.abort()
    return true
  }
  log.error({ child: name, seconds: limitMs / 1000 }, 'did not stop in time: killing it')
  child.kill('SIGKILL')
  await closed
  return false
}
