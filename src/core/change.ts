/**
 * View changes: freeze (R4), flush (R5), seals (R6), fetch (R7), install. A newer view cancels one under way.
 *
 * Why the freeze: after its flush a server acknowledges nothing of an origin outside the view, so what a quorum holds
 * is in some flush, and no seal cuts it. Why nobody promises between flush and install: a newcomer that has not been
 * heard yet starts above every clock in the flushes, and no promise given before that may order anything after it.
 */
import { type FlushMessage, type Installed, type Origin, type Seqs, sameView, type View } from '../protocol/replica.ts'
import { startCheckpoint } from './checkpoint.ts'
import { decide } from './decision.ts'
import { installedRecord, knownRecord } from './journal.ts'
import { merge, tick } from './lamport.ts'
import { releaseEvents, updateStable } from './ordering.ts'
import { createOriginLog, cutAt } from './origin_log.ts'
import { failWaiters } from './requests.ts'
import { areSame } from './sameness.ts'
import { journal, logOf, orderedSeqs, type Peer, type Replica, say, stamp } from './state.ts'

const FLUSH_AGAIN_MS = 100

/** Takes a view from `ref`. */
export function learnView(r: Replica, view: View): void {
  if (r.known !== null && view.number <= r.known.number) return
  const before = r.origin
  r.known = view
  r.active = false
  r.change = null
  r.flush = null
  r.asked = 0
  const token = journal(r, knownRecord(view))
  r.origin = view.members.find((member) => member.instance === r.instance)?.origin ?? null
  if (before !== null && r.origin !== before) {
    r.own = null
    failWaiters(r, 'expelled', 'this server was left out of the cluster for a moment; try again')
  }
  setPeers(r, view)
  const members = view.members.map((member) => member.rank)
  say(r, 'info', r.origin === null ? 'view without this server' : 'view', {
    view: view.number,
    members,
    quorum: view.quorum,
  })
  r.effects.push({ type: 'report' })
  if (r.origin === null) {
    r.level = false
    r.copying = { attempt: 0, askedAt: 0, received: null }
    return
  }
  // A plan that was never installed decides nothing.
  for (const log of r.logs.values()) log.seal = r.installed?.seals[log.origin] ?? Number.POSITIVE_INFINITY
  r.change = { phase: 'freeze', token, startedAt: r.now, target: 0, givers: [], seals: {}, targets: new Map() }
}

/** Begins anew with the other members of a view: whom to hear, and whom to copy from. */
export function setPeers(r: Replica, view: View): void {
  r.peers = new Map()
  for (const member of view.members) {
    if (member.instance === r.instance) continue
    const counts = r.installed?.view.members.some((other) => other.origin === member.origin) ?? false
    r.peers.set(member.rank, createPeer(r, member, counts))
  }
}

function createPeer(r: Replica, member: View['members'][number], counts: boolean): Peer {
  return {
    member,
    counts,
    promise: 0,
    promisedAt: r.now,
    pending: null,
    have: new Map(),
    heldOfOurs: 0,
    ordered: 0,
    heardAt: r.now,
    flush: null,
    ackedView: false,
    waitingSince: 0,
  }
}

/** Takes another member's flush. */
export function takeFlush(r: Replica, flush: FlushMessage): void {
  if (flush.view.number > (r.known?.number ?? 0)) r.effects.push({ type: 'report' })
  const peer = r.peers.get(flush.rank)
  if (peer === undefined || peer.member.instance !== flush.instance || !sameView(flush.view, r.known)) return
  if (peer.flush === null) peer.flush = flush
  // It repeats its flush because it has not seen that we installed.
  if (r.active) r.ackDue = true
}

/** Goes as far as it can with the view change under way. */
export function progressChange(r: Replica): void {
  const change = r.change
  if (change === null) return
  if (change.phase === 'freeze' && r.committed >= change.token) {
    r.flush = makeFlush(r)
    r.flushedAt = 0
    change.phase = 'collect'
  }
  if (change.phase === 'collect' && [...r.peers.values()].every((peer) => peer.flush !== null)) {
    change.phase = areSame(r) ? 'copy' : 'different'
    if (change.phase === 'copy') plan(r)
  }
  if (change.phase === 'copy' && r.position >= change.target && r.copying.received === null) {
    applySeals(r)
    change.phase = 'fetch'
  }
  if (change.phase === 'fetch' && r.checkpoint === null && hasAll(r)) {
    change.token = startCheckpoint(r)
    change.phase = 'checkpoint'
  }
  if (change.phase === 'record' && r.committed >= change.token) install(r)
}

/** Called when the checkpoint of a view change is done: the record may be written. */
export function recordInstall(r: Replica): void {
  const change = r.change
  if (change === null || r.known === null) return
  const installed: Installed = { view: r.known, position: r.position, seals: openSeals(r) }
  change.token = journal(r, installedRecord(installed))
  change.phase = 'record'
}

/** Sends our flush to those who have not acknowledged in the newest view yet. */
export function sendFlush(r: Replica): void {
  if (r.flush === null || r.now - r.flushedAt < FLUSH_AGAIN_MS) return
  const waiting = [...r.peers.values()].filter((peer) => !peer.ackedView)
  if (waiting.length === 0 && r.active) {
    r.flush = null
    // All members installed this view, so no older record, which might still name a finished origin, decides again.
    r.past.clear()
    return
  }
  r.flushedAt = r.now
  // Said again, it is another message by Lamport's rule; what it says is the snapshot of makeFlush.
  r.clock = tick(r.clock)
  const message = { ...r.flush, clock: r.clock }
  for (const peer of waiting) r.effects.push({ type: 'send', to: peer.member.instance, message })
}

/** R5: one fixed snapshot a view. Everything journalled before the view was known is durable by now. */
function makeFlush(r: Replica): FlushMessage {
  const have: Seqs = {}
  for (const log of r.logs.values()) have[log.origin] = log.committed
  for (const member of r.installed?.view.members ?? []) have[member.origin] ??= r.past.get(member.origin) ?? 0
  const { number, nonce } = r.known!
  const { installed, position } = r
  return stamp(r, {
    type: 'flush',
    view: { number, nonce },
    installed,
    position,
    ordered: orderedSeqs(r),
    have,
    writes: r.app.writes,
  }) as FlushMessage
}

/** R6: takes the decision that the flushes of all members make; every member makes the same. */
function plan(r: Replica): void {
  const change = r.change!
  const flushes = [r.flush!, ...[...r.peers.values()].map((peer) => peer.flush!)]
  for (const flush of flushes) r.clock = merge(r.clock, flush.clock)
  const decision = decide(r.known!, flushes)
  Object.assign(change, decision)
  r.copying = { attempt: 0, askedAt: 0, received: r.copying.received }
  say(r, 'info', 'flushed', { view: r.known!.number, position: r.position, target: change.target })
}

/** Ends every closed origin where it was decided, once the public files are where the furthest member's were. */
function applySeals(r: Replica): void {
  const change = r.change!
  const members = new Set(r.known!.members.map((member) => member.origin))
  for (const log of [...r.logs.values()]) {
    if (members.has(log.origin)) continue
    const seal = change.seals[log.origin]
    if (seal === undefined || log.ordered >= seal) {
      // Finished, or sealed at what is ordered of it: what lies beyond is dropped for ever.
      r.past.set(log.origin, log.ordered)
      r.logs.delete(log.origin)
      r.marks.delete(log)
    } else cutAt(log, seal)
  }
  for (const [origin, seal] of Object.entries(change.seals) as [Origin, number][]) {
    if ((r.past.get(origin) ?? 0) >= seal && !r.logs.has(origin)) continue
    logOf(r, origin).seal = seal
    change.targets.set(origin, seal)
  }
  for (const [origin, seq] of change.targets) {
    const log = logOf(r, origin)
    log.wanted = Math.max(log.held, seq)
    log.askedAt = 0
  }
}

/** R7: everything that any member reported is here, and on disk. */
function hasAll(r: Replica): boolean {
  for (const [origin, seq] of r.change!.targets) {
    const log = logOf(r, origin)
    if (log.committed < seq) return false
  }
  return true
}

const openSeals = (r: Replica): Seqs => {
  const open = [...r.logs.values()].filter((log) => log.seal !== Number.POSITIVE_INFINITY && log.ordered < log.seal)
  return Object.fromEntries(
    open.map((log): [string, number] => [log.origin, log.seal]).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function install(r: Replica): void {
  const view = r.known!
  r.installed = { view, position: r.position, seals: openSeals(r) }
  r.active = true
  r.fresh = false
  r.change = null
  if (r.own === null || r.own.origin !== r.origin) {
    r.own = r.logs.get(r.origin!) ?? createOriginLog(r.origin!, 0)
    r.logs.set(r.origin!, r.own)
  }
  for (const peer of r.peers.values()) {
    peer.counts = true
    peer.promisedAt = r.now
    peer.heardAt = r.now
    for (const [origin, seq] of Object.entries(peer.flush?.have ?? {}) as [Origin, number][]) {
      if (seq > (peer.have.get(origin) ?? 0)) peer.have.set(origin, seq)
    }
  }
  for (const log of r.logs.values()) {
    // Who counts has changed, so what a quorum holds is counted anew.
    log.stable = Math.min(log.ordered, log.held)
    updateStable(r, log)
  }
  // What was copied had been held, too.
  releaseEvents(r)
  r.ackDue = true
  r.effects.push({ type: 'report' })
  const members = view.members.map((member) => member.rank)
  say(r, 'info', 'installed view', { view: view.number, members, position: r.position, origin: r.origin })
}
