/**
 * Repair: the topic may lose, repeat and reorder, so what somebody says exists and is not here is fetched from whoever
 * holds it.
 */
import type { AckMessage, EventsMessage, FetchMessage, Instance } from '../protocol/replica.ts'
import { addRun, eventsRecord } from './journal.ts'
import { appendBatch, type OriginLog, oldest, takeBatch } from './origin_log.ts'
import { journal, logOf, type Peer, type Replica, stamp } from './state.ts'

/** A gap may close by itself, since different senders' messages overtake each other; then fetch, and again, ms. */
const GAP_PATIENCE_MS = 40
const FETCH_AGAIN_MS = 150
/** Most bytes of lines in one events message. */
export const EVENTS_BYTES = 512 * 1024

/** Takes events of another origin: what comes next is journalled, what leaves a gap is fetched again. */
export function takeEvents(r: Replica, message: EventsMessage): void {
  if (!accepts(r, message)) return
  const log = logOf(r, message.origin)
  if (message.from + message.head.length - 1 > log.seal) return
  if (message.from > log.held + 1) {
    log.wanted = Math.max(log.wanted, message.from + message.head.length - 1)
    return
  }
  const before = log.held
  const known = appendBatch(log, message.from, message.head, message.lines)
  if (log.held === before) return
  log.grewAt = r.now
  const runs: [string, number][] = []
  let skipped = 0
  for (let i = 0; i < message.head.length; i++) {
    const [, name, , bytes] = message.head[i]!
    if (i < known) skipped += bytes
    else addRun(runs, name)
  }
  journal(r, eventsRecord(log.origin, before + 1, runs, message.lines.subarray(skipped)))
  r.marks.set(log, log.held)
}

/** R4: only members of the newest known view, and while installing, closed origins up to their seal. */
function accepts(r: Replica, message: EventsMessage): boolean {
  if (r.origin === null || r.known === null || message.origin === r.origin) return false
  if (r.known.members.some((member) => member.origin === message.origin)) return true
  if (r.change !== null) return r.change.targets.has(message.origin)
  return r.logs.has(message.origin) && r.logs.get(message.origin)!.seal !== Number.POSITIVE_INFINITY
}

/** What an ack says exists. */
export function noteGaps(r: Replica, peer: Peer, ack: AckMessage): void {
  for (const log of r.logs.values()) {
    const have = Math.min(peer.have.get(log.origin) ?? 0, log.seal)
    if (have > log.wanted) log.wanted = have
  }
  const own = logOf(r, peer.member.origin)
  if (ack.made > own.wanted) own.wanted = ack.made
}

/** Asks for what is missing, once it is clear that it does not come by itself. */
export function fetchMissing(r: Replica): void {
  if (r.origin === null) return
  const patience = r.change !== null ? 0 : GAP_PATIENCE_MS
  for (const log of r.logs.values()) {
    if (log === r.own || log.wanted <= log.held) {
      log.grewAt = r.now
      continue
    }
    if (r.now - log.grewAt < patience || r.now - log.askedAt < FETCH_AGAIN_MS) continue
    const giver = chooseGiver(r, log)
    if (giver === null) continue
    log.askedAt = r.now
    const fetch = stamp(r, { type: 'fetch', origin: log.origin, from: log.held + 1, to: log.wanted })
    r.effects.push({ type: 'send', to: giver, message: fetch })
  }
}

/** Whoever holds more of a log than we do; another one at each attempt. */
function chooseGiver(r: Replica, log: OriginLog): Instance | null {
  const givers: Instance[] = []
  for (const peer of r.peers.values()) {
    const holds = Math.max(peer.have.get(log.origin) ?? 0, peer.flush?.have[log.origin] ?? 0)
    if (holds > log.held || peer.member.origin === log.origin) givers.push(peer.member.instance)
  }
  if (givers.length === 0) return null
  const attempt = Math.floor(r.now / FETCH_AGAIN_MS)
  return givers[attempt % givers.length]!
}

/** Answers a fetch with what is still in memory. */
export function answerFetch(r: Replica, fetch: FetchMessage): void {
  const log = r.logs.get(fetch.origin)
  if (log === undefined || fetch.from < oldest(log) || fetch.from > log.held) return
  let from = fetch.from
  // A few messages at a time; the asker asks again from where it then is.
  for (let i = 0; i < 4 && from <= Math.min(fetch.to, log.held); i++) {
    const { head, lines } = takeBatch(log, from, fetch.to, EVENTS_BYTES)
    r.effects.push({
      type: 'send',
      to: fetch.instance,
      message: stamp(r, { type: 'events', origin: log.origin, from, head, lines }),
    })
    from += head.length
  }
}
