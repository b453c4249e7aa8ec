/**
 * A whole cluster on one machine: one child process a role, as Docker would run them. Starts them, starts again
 * what dies, says when all are ready, stops them in an order in which nobody loses whom it still needs.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, createClock } from '../core/lamport.ts'
import type { Config, Environment } from '../platform/config.ts'
import type { DirectoryLock } from '../platform/lock.ts'
import { createLog, type Log } from '../platform/log.ts'
import { addresses, banner } from './banner.ts'
import { prepare } from './checks.ts'
import { type Child, createChild } from './child.ts'
import { createOutput } from './output.ts'
import { type ProcessPlan, planCluster, STOP_ORDER } from './plan.ts'
import { allReady } from './readiness.ts'

/** How long each group may take to stop; servers bring each other to the same position first. Under 10 s in all. */
const STOP_LIMIT_MS: Readonly<Record<ProcessPlan['role'], number>> = {
  client: 1500,
  console: 1500,
  server: 5300,
  broker: 1200,
  proxy: 1200,
  ref: 1200,
}
/** On a new data directory: how long a server may take to get its rank before the next one is started anyway. */
const RANK_LIMIT_MS = 3000

const OWN_NAME = 'cluster'

type Running = {
  children: Child[]
  log: Log
  clock: Clock
  stopping: AbortController
  failure: string | null
  ready: boolean
}

/**
 * Runs the cluster until SIGINT, SIGTERM or SIGHUP.
 * @returns null when it was stopped cleanly, otherwise the one line that says what went wrong
 * @throws {StartError} when it cannot even begin
 */
export async function runCluster(config: Config, env: Environment): Promise<string | null> {
  const plans = planCluster(config, env)
  const lock = await prepare(config, plans)
  const output = createOutput(config.logFormat, [OWN_NAME, ...plans.map(({ name }) => name)])
  const clock = createClock()
  const lines = { write: (line: string) => output.record(OWN_NAME, line.trimEnd()) }
  const log = createLog(config, OWN_NAME, lines, () => clock.now)
  const running: Running = { children: [], log, clock, stopping: new AbortController(), failure: null, ready: false }
  const onStartFailure = (name: string, reason: string): boolean => {
    if (running.ready) {
      log.error({ child: name, reason }, 'could not start')
      return true
    }
    running.failure ??= `${name}: ${reason}`
    running.stopping.abort()
    return false
  }
  running.children = plans.map((plan) => createChild(plan, { output, log, onStartFailure }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => running.stopping.abort())
  // Started by a program that wants it to end with itself, however that ends.
  if (process.connected) process.on('disconnect', () => running.stopping.abort())

  void bringUp(config, running, plans)
  await aborted(running.stopping.signal)
  return bringDown(running, lock)
}

async function bringUp(config: Config, running: Running, plans: readonly ProcessPlan[]): Promise<void> {
  const { children, log, clock, stopping } = running
  // Only on a new directory: afterwards ref knows everybody's rank.
  const ranksAreNew = !existsSync(join(config.dataDir, 'ref'))
  for (const child of children) {
    if (stopping.signal.aborted) return
    child.start()
    if (ranksAreNew && child.plan.role === 'server') await untilRanked(child.plan, config.dataDir, stopping.signal)
  }
  if (!(await allReady(config.bindHost, plans, log, clock, stopping.signal))) return
  running.ready = true
  log.info(config.logFormat === 'json' ? addresses(config, plans) : {}, 'cluster ready')
  if (config.logFormat === 'pretty') process.stdout.write(banner(config, plans))
}

/** Waits until a server has its folder, so that process server-1 gets rank 1 and so on. */
async function untilRanked(plan: ProcessPlan, dataDir: string, signal: AbortSignal): Promise<void> {
  const until = Date.now() + RANK_LIMIT_MS
  while (!existsSync(join(dataDir, plan.name)) && Date.now() < until && !signal.aborted) await sleep(10)
}

async function bringDown(running: Running, lock: DirectoryLock): Promise<string | null> {
  const { children, log } = running
  if (running.failure === null) log.info('stopping: bots and console, servers, broker and proxy, ref')
  let clean = true
  for (const roles of STOP_ORDER) {
    const group = children.filter(({ plan }) => roles.includes(plan.role))
    const stopped = await Promise.all(group.map((child) => child.stop(STOP_LIMIT_MS[child.plan.role])))
    clean &&= stopped.every(Boolean)
  }
  await lock.release()
  if (running.failure !== null) return running.failure
  if (!clean) return 'not everything stopped in time; what did not was killed'
  log.info('stopped')
  return null
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
