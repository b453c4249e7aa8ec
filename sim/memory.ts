/** Bounds of what the core keeps, whatever the weather; history and outages must not make it grow. */
import type { Replica } from '../src/core/replica.ts'

/** A step may go this far beyond a bound before it is felt, bytes. */
const SLACK = 16 * 1024
const MOST_PAST = 500

/** @param newest the number of the newest view that was issued  @returns what is too large, or null */
export function overgrown(r: Replica, newest: number): string | null {
  const most = 2 * r.options.lagBytes + SLACK
  // Who is being let in, or was left out and does not know yet, holds events that the others have ordered since: those
  // wait for it no more, and it lets go of them when it has copied their lines.
  const isOutside = r.own === null || (r.known?.number ?? 0) < newest
  const held = most + (isOutside ? r.options.unorderedBytes : 0)
  for (const log of r.logs.values())
    if (log.bytes > held) return `${log.bytes} bytes of events of ${log.origin}, at most ${held}`
  // A view with few members still has to end what all ranks that count began; a quorum is more than half of those.
  const ranks = Math.max(r.peers.size + 1, 2 * (r.known?.quorum ?? 1) - 1)
  if (r.logs.size > 4 * ranks + 4) return `logs of ${r.logs.size} origins, with ${ranks} ranks`
  if (r.past.size > MOST_PAST) return `what is ordered of ${r.past.size} finished origins`
  const pending = r.pending.reduce((sum, piece) => sum + piece.length, 0)
  if (pending > most * (r.peers.size + 1)) return `${pending} bytes wait for the journal`
  const unordered = r.own === null ? 0 : r.own.held - r.own.ordered
  // A refusal that is ordered waits on for the others, as long as a client waits for it.
  const refused = [...r.waiters.values()].filter(({ refusal, tokens }) => refusal !== null && tokens.length > 0)
  if (r.waiters.size > unordered + r.newLines.length + refused.length)
    return `${r.waiters.size} waiters for ${unordered} unordered events and ${refused.length} refusals`
  const waiting = r.refusing.length + r.waiting.filter((item) => 'refused' in item).length
  if (waiting > refused.length) return `${waiting} refusals that nobody waits for`
  return null
}

/** What has been made here that some member may still have to fetch. */
export type Kept = { origin: string | null; bytes: number }

export const keptOf = (r: Replica): Kept => ({ origin: r.own?.origin ?? null, bytes: r.own?.bytes ?? 0 })

/** Whether a step added to what was too much before. @returns what, or null */
export function addedTooMuch(r: Replica, before: Kept | undefined): string | null {
  const most = 2 * r.options.lagBytes
  if (r.own === null || before === undefined || before.origin !== r.own.origin || before.bytes <= most) return null
  if (r.own.bytes <= before.bytes) return null
  return `events were made although ${before.bytes} bytes of them wait for some member, at most ${most}`
}

/** What must be gone once nothing happens any more. @returns what is left, or null */
export function leftOver(r: Replica): string | null {
  if (r.waiters.size > 0 || r.undurable.length > 0) return `${r.waiters.size} waiters`
  if (r.refusing.length > 0) return `${r.refusing.length} refusals`
  if (r.waiting.length > 0) return `${r.waiting.length} reads`
  if (r.pending.length > 0) return `${r.pending.length} pieces for the journal`
  const refused = [...r.logs.values()].reduce((sum, log) => sum + log.refusals.size, 0)
  if (refused > 0) return `${refused} ids of refusals`
  const bytes = [...r.logs.values()].reduce((sum, log) => sum + log.bytes, 0)
  return bytes > 0 ? `${bytes} bytes of events` : null
}
