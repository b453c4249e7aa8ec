/** Acknowledgements: what is on disk here (held), what will never be made any more (promise), and that we live. */
import { type AckMessage, type Origin, type Seqs, sameView } from '../protocol/replica.ts'
import { showDigest } from './hash.ts'
import { merge } from './lamport.ts'
import { nextLog, updateStable } from './ordering.ts'
import { noteGaps } from './repair.ts'
import { type Peer, type Replica, say, stamp } from './state.ts'

/** Between two acks while anything is unordered or asked for, and when idle, ms. */
const BUSY_MS = 100
const IDLE_MS = 500
/** A promise that was asked for again is given again after this, ms. */
const PROMISE_AGAIN_MS = 25

/** Sends an ack when one is due. `made`, `clock` and `have` are read at the same instant. */
export function sendAck(r: Replica): void {
  if (r.origin === null) return
  const silent = r.now - r.ackedAt
  if (!r.ackDue && (silent < BUSY_MS || (silent < IDLE_MS && !isBusy(r)))) return
  r.ackDue = false
  r.ackedAt = r.now
  const have: Seqs = {}
  const held: Seqs = {}
  for (const { origin, committed, held: all, refusals } of r.logs.values()) {
    have[origin] = committed
    if (refusals.size > 0 && all > committed) held[origin] = all
  }
  const view =
    r.active && r.installed !== null ? { number: r.installed.view.number, nonce: r.installed.view.nonce } : null
  const { origin, position: ordered } = r
  const made = r.own?.held ?? 0
  const ask = r.askDue ? r.asked : null
  const digest = showDigest(r.digest)
  const ack = stamp(r, { type: 'ack', origin, view, made, have, held, ordered, digest, ask })
  r.effects.push({ type: 'publish', message: ack })
  r.askDue = false
  r.promised = r.clock
}

const isBusy = (r: Replica): boolean => r.waiting.length > 0 || nextLog(r) !== null

/** Takes another member's ack. */
export function takeAck(r: Replica, ack: AckMessage): void {
  if (ack.view !== null && ack.view.number > (r.known?.number ?? 0)) r.effects.push({ type: 'report' })
  const peer = r.peers.get(ack.rank)
  if (peer === undefined || peer.member.origin !== ack.origin) return
  for (const key in ack.have) {
    const origin = key as Origin
    const seq = ack.have[origin]!
    if (seq <= (peer.have.get(origin) ?? 0)) continue
    peer.have.set(origin, seq)
    const log = r.logs.get(origin)
    if (log !== undefined) updateStable(r, log)
  }
  if (r.own !== null) peer.heldOfOurs = Math.max(peer.heldOfOurs, ack.held[r.own.origin] ?? 0)
  peer.ordered = Math.max(peer.ordered, ack.ordered)
  // A promise in the newest view counts from the moment we install it, too.
  if (sameView(ack.view, r.known)) {
    peer.ackedView = true
    peer.pending = { clock: ack.clock, made: ack.made }
    confirmPromise(r, peer)
  }
  noteGaps(r, peer, ack)
  if (ack.ask !== null && r.active) {
    r.clock = merge(r.clock, ack.ask)
    // Promised already: our ack is on its way, unless it was lost; two that ask each other must not make a storm.
    if (r.promised < ack.ask || r.now - r.ackedAt >= PROMISE_AGAIN_MS) r.ackDue = true
  }
  if (ack.ordered === r.position && ack.view !== null && r.active) compareDigest(r, ack)
}

/** A promise holds once everything that its maker had made by then is held here. */
export function confirmPromise(r: Replica, peer: Peer): void {
  if (peer.pending === null) return
  const log = r.logs.get(peer.member.origin)
  if ((log?.held ?? 0) < peer.pending.made) return
  if (peer.pending.clock > peer.promise) {
    peer.promise = peer.pending.clock
    peer.promisedAt = r.now
  }
  peer.pending = null
}

function compareDigest(r: Replica, ack: AckMessage): void {
  const own = showDigest(r.digest)
  if (ack.digest === own || r.diverged) return
  r.diverged = true
  say(r, 'error', 'DIVERGED: another server has ordered other events up to the same position', {
    rank: ack.rank,
    position: r.position,
    digest: own,
    theirs: ack.digest,
  })
}
