/** Bounds of what the core keeps, whatever the weather; history and outages must not make it grow. */
import type { Replica } from '../src/core/replica.ts'

/** A step may go this far beyond a bound before it is felt, bytes. */
const SLACK = 16 * 1024
const MOST_PAST = 500

/** @returns what is too large, or null */
export function overgrown(r: Replica): string | null {
  const most = 2 * r.options.lagBytes + SLACK
  for (const log of r.logs.values())
    if (log.bytes > most) return `${log.bytes} bytes of events of ${log.origin}, at most ${most}`
  if (r.logs.size > 4 * (r.peers.size + 1) + 4) return `logs of ${r.logs.size} origins, with ${r.peers.size} peers`
  if (r.past.size > MOST_PAST) return `what is ordered of ${r.past.size} finished origins`
  const pending = r.pending.reduce((sum, piece) => sum + piece.length, 0)
  if (pending > most * (r.peers.size + 1)) return `${pending} bytes wait for the journal`
  const unordered = r.own === null ? 0 : r.own.held - r.own.ordered
  if (r.waiters.size > unordered + r.newLines.length)
    return `${r.waiters.size} waiters for ${unordered} unordered events`
  return null
}

/** What must be gone once nothing happens any more. @returns what is left, or null */
export function leftOver(r: Replica): string | null {
  if (r.waiters.size > 0 || r.undurable.length > 0) return `${r.waiters.size} waiters`
  if (r.waiting.length > 0) return `${r.waiting.length} reads`
  if (r.pending.length > 0) return `${r.pending.length} pieces for the journal`
  const bytes = [...r.logs.values()].reduce((sum, log) => sum + log.bytes, 0)
  return bytes > 0 ? `${bytes} bytes of events` : null
}
