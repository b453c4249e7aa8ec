/**
 * Course servers (◆): they send a name with each heartbeat and no more. They have their rank and are listed while they
 * are alive, and are never members of a view.
 */
import { DEAD_MS } from '../core/detector.ts'
import type { Data } from '../protocol/envelope.ts'

/** Most of them at a time; whoever comes beyond that is answered, but not listed. */
const MOST = 1000

export type PlainServers = {
  heard(name: string, rank: number, now: number): void
  /** Those alive, as they are listed. */
  list(now: number): Data[]
}

export function createPlainServers(): PlainServers {
  const servers = new Map<string, { rank: number; at: number }>()
  const forgetDead = (now: number): void => {
    for (const [name, { at }] of servers) if (now - at >= DEAD_MS) servers.delete(name)
  }
  return {
    heard(name, rank, now) {
      forgetDead(now)
      if (servers.size < MOST || servers.has(name)) servers.set(name, { rank, at: now })
    },
    list(now) {
      forgetDead(now)
      return [...servers].map(([name, { rank }]) => ({ name, rank, alive: true, member: false }))
    },
  }
}
