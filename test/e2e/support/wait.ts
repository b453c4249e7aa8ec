/** Waiting for conditions: tests never sleep for a fixed time. */
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 50

/**
 * Waits until a condition holds: until it gives something other than false, null or undefined.
 * @param what for the message when it does not: "timed out waiting for …"; a function is asked only then
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string),
  limitMs = 30_000,
): Promise<NonNullable<Exclude<T, false>>> {
  for (const until = Date.now() + limitMs; ; await sleep(POLL_MS)) {
    const value = await condition()
    if (value !== false && value !== null && value !== undefined) return value as NonNullable<Exclude<T, false>>
    if (Date.now() < until) continue
    throw new Error(`timed out after ${limitMs / 1000} s waiting for ${typeof what === 'string' ? what : what()}`)
  }
}
