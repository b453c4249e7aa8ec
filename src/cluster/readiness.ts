/** Whether the processes are ready: asks each one's `/healthz`. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../core/lamport.ts'
import type { Log } from '../platform/log.ts'
import type { ProcessPlan } from './plan.ts'

const POLL_MS = 100
const ASK_LIMIT_MS = 1000
/** How often to say who is still missing. */
const REMIND_MS = 10_000

/**
 * Resolves once all were ready at the same look, or when the signal ends the wait (false then).
 * @param clock takes the Lamport clocks that the processes show
 */
export async function allReady(
  host: string,
  plans: readonly ProcessPlan[],
  log: Log,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  for (let remindAt = Date.now() + REMIND_MS; !signal.aborted; await sleep(POLL_MS)) {
    const states = await Promise.all(plans.map((plan) => isReady(host, plan.healthPort, clock)))
    const missing = plans.filter((_, index) => !states[index]).map((plan) => plan.name)
    if (missing.length === 0) return true
    if (Date.now() < remindAt) continue
    log.warn({ missing: missing.join(' ') }, 'waiting for processes that are not ready')
    remindAt += REMIND_MS
  }
  return false
}

async function isReady(host: string, port: number, clock: Clock): Promise<boolean> {
  try {
    const url = `http://${reachable(host)}:${port}/healthz`
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })
    clock.merge(((await response.json()) as { clock?: unknown }).clock)
    return response.ok
  } catch {
    return false
  }
}

/** An address at which this machine reaches what is bound to `host`. */
export const reachable = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host)
