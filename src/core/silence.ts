/**
 * Silence: a member whose promise, flush or install has kept this server waiting for more than a second, whatever else
 * arrives from it, or that holds so little that too much has to be kept for it. `ref` hears of it and decides.
 */
import type { Rank } from '../protocol/replica.ts'
import { nextLog } from './ordering.ts'
import { eventAt, oldest, roughBytes } from './origin_log.ts'
import type { Peer, Replica } from './state.ts'

const SILENT_MS = 1000
/** An idle member acknowledges every 500 ms. */
const UNHEARD_MS = 1500

/** Updates since when each member keeps this server waiting. */
export function watchPeers(r: Replica): void {
  if (r.origin === null) return
  const wanted = wantedPromise(r)
  for (const peer of r.peers.values()) {
    if (!keepsWaiting(r, peer, wanted)) peer.waitingSince = 0
    else if (peer.waitingSince === 0 || peer.promisedAt > peer.waitingSince) peer.waitingSince = r.now
  }
}

/** Has `ref` told at once when other members than before are to be reported. */
export function reportSilence(r: Replica): void {
  const silent = silentPeers(r).join(' ')
  if (silent === r.reportedSilent) return
  r.reportedSilent = silent
  r.effects.push({ type: 'report' })
}

/** The members to report. */
export function silentPeers(r: Replica): Rank[] {
  if (r.origin === null) return []
  const lagging = lagger(r)
  const silent = [...r.peers.values()].filter((peer) => {
    const waiting = peer.waitingSince !== 0 && r.now - peer.waitingSince > SILENT_MS
    return waiting || r.now - peer.heardAt > UNHEARD_MS || peer === lagging
  })
  return silent.map((peer) => peer.member.rank).sort((a, b) => a - b)
}

function keepsWaiting(r: Replica, peer: Peer, wanted: number): boolean {
  if (r.change !== null) return r.change.phase === 'collect' && peer.flush === null
  return !r.active || !peer.ackedView || peer.promise < wanted
}

/** The clock that something here waits for to be promised; 0 when nothing waits. */
function wantedPromise(r: Replica): number {
  const log = nextLog(r)
  const event = log === null ? 0 : eventAt(log, log.ordered + 1).clock
  const read = r.waiting[0]?.c ?? 0
  return event === 0 ? read : read === 0 ? event : Math.min(event, read)
}

/** The member for whom more is kept than the bound allows, or null. */
function lagger(r: Replica): Peer | null {
  let kept = 0
  for (const log of r.logs.values()) kept += roughBytes(log, oldest(log), log.ordered)
  if (kept <= r.options.lagBytes) return null
  let worst: Peer | null = null
  for (const peer of r.peers.values()) if (worst === null || sumHave(peer) < sumHave(worst)) worst = peer
  return worst
}

const sumHave = (peer: Peer): number => [...peer.have.values()].reduce((sum, seq) => sum + seq, 0)
