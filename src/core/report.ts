/** What others want to know of a replica: `ref` with each heartbeat, and a process that is about to stop. */
import type { Report } from '../protocol/replica.ts'
import { silentPeers } from './silence.ts'
import type { Replica } from './state.ts'

/** What `ref` wants to know with each heartbeat. */
export function reportOf(r: Replica): Report {
  const installed = r.installed === null ? null : { number: r.installed.view.number, nonce: r.installed.view.nonce }
  return {
    rank: r.rank,
    instance: r.instance,
    origin: r.origin,
    fresh: r.fresh,
    installed: r.active ? installed : null,
    known: Math.max(r.known?.number ?? 0, installed?.number ?? 0),
    recorded: installed?.number ?? 0,
    quorum: Math.max(r.known?.quorum ?? 0, r.installed?.view.quorum ?? 0),
    position: r.position,
    joining: r.origin === null,
    level: r.level,
    silent: silentPeers(r),
    hears: [...r.hears.keys()].sort(),
  }
}

/** Whether a stopping server may go: nothing is being waited for, and every member is where it is. */
export function isQuiet(r: Replica): boolean {
  if (r.origin === null || r.own === null) return true
  for (const waiter of r.waiters.values()) if (waiter.tokens.length > 0) return false
  if (r.waiting.length > 0 || !r.active) return false
  for (const log of r.logs.values()) if (log.ordered < log.held) return false
  for (const peer of r.peers.values()) if (peer.ordered !== r.position) return false
  return true
}
