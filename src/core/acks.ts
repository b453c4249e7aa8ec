/** Acknowledgements: what is on disk here (held), what will never be made any more (promise), and that we live. */
import { type AckMessage, type Seqs, sameView } from '../protocol/replica.ts'
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
  if (!r.ackDue && r.now - r.ackedAt < (isBusy(r) ? BUSY_MS : IDLE_MS)) return
  r.ackDue = false
  r.ackedAt = r.now
  const have = Object.fromEntries([...r.logs.values()].map((log) => [log.origin, log.committed]))
  const held: Seqs = {}
  for (const log of r.logs.values()) if (log.refusals.size > 0 && log.held > log.committed) held[log.origin] = log.held
  const view =
    r.active && r.installed !== null ? { number: r.installed.view.number, nonce: r.installed.view.nonce } : null
  const { origin, position: ordered } = r
  const ack = {
    type: 'ack' as const,
    origin,
    view,
    made: r.own?.held ?? 0,
    have,
    held,
    ordered,
    digest: showDigest(r.digest),
  }
  r.effects.push({ type: 'publish', message: stamp(r, { ...ack, ask: r.askDue ? r.asked : null }) })
  r.askDue = false
  r.promised = r.clock
}

const isBusy = (r: Replica): boolean => r.waiting.length > 0 || nextLog(r) !== null

/** Takes another member's ack. */
export function takeAck(r: Replica, ack: AckMessage): void {
  if (ack.view !== null && ack.view.number > (r.known?.number ?? 0)) r.effects.push({ type: 'report' })
  const peer = r.peers.get(ack.rank)
  if (peer === undefined || peer.member.origin !== ack.origin) return
  for (const [origin, seq] of Object.entries(ack.have) as [AckMessage['origin'], number][]) {
    const before = peer.have.get(origin) ?? 0
    if (seq <= before) continue
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
