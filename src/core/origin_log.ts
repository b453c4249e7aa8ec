/**
 * The events of one origin that this server holds in memory: those not yet ordered, and those ordered that some member
 * may still have to fetch.
 */
import type { Head, Origin, Rank } from '../protocol/replica.ts'
import { readOrigin } from '../protocol/replica.ts'
import { REFUSALS } from './lines.ts'

/** An event in memory; its line is `blob[start, end)`, shared with the others of its batch. */
export type HeldEvent = { clock: number; log: string; id: string; blob: Uint8Array; start: number; end: number }

export type OriginLog = {
  origin: Origin
  rank: Rank
  incarnation: number
  /** `events[i]` has seq `first + i`; those before `skip` are released. */
  events: HeldEvent[]
  first: number
  skip: number
  /** Bytes of the lines in memory. */
  bytes: number
  /** R10: ids of refusals that are not ordered yet, with their seq. */
  refusals: Map<string, number>
  /** Largest seq held without a gap, durable here, on a quorum's disks, ordered here. */
  held: number
  committed: number
  stable: number
  ordered: number
  /** Where a closed origin ends; Infinity while it is open. */
  seal: number
  /** Largest seq that somebody says exists, and when this log last grew or was asked for. */
  wanted: number
  grewAt: number
  askedAt: number
}

/** An empty log that continues after `ordered`. */
export function createOriginLog(origin: Origin, ordered: number): OriginLog {
  const parts = readOrigin(origin)
  if (parts === null) throw new Error(`not an origin: ${origin}`)
  return {
    origin,
    rank: parts.rank,
    incarnation: parts.incarnation,
    events: [],
    first: ordered + 1,
    skip: 0,
    bytes: 0,
    refusals: new Map(),
    held: ordered,
    committed: ordered,
    stable: ordered,
    ordered,
    seal: Number.POSITIVE_INFINITY,
    wanted: ordered,
    grewAt: 0,
    askedAt: 0,
  }
}

export function eventAt(log: OriginLog, seq: number): HeldEvent {
  const event = log.events[seq - log.first]
  if (event === undefined) throw new Error(`${log.origin} ${seq} is not held (first ${log.first}, held ${log.held})`)
  return event
}

const lengthOf = (event: HeldEvent): number => event.end - event.start

/** The smallest seq still in memory. */
export const oldest = (log: OriginLog): number => log.first + log.skip

/** Appends the next event. */
export function appendEvent(log: OriginLog, event: HeldEvent): void {
  const last = log.events[log.events.length - 1]
  if (last !== undefined && event.clock <= last.clock)
    throw new Error(`${log.origin}: clock ${event.clock} of seq ${log.held + 1} is not above ${last.clock}`)
  log.events.push(event)
  log.bytes += event.end - event.start
  log.held++
  if (event.log === REFUSALS) log.refusals.set(event.id, log.held)
}

/** Appends those of a batch that come next; returns how many of its first events were already held. */
export function appendBatch(log: OriginLog, from: number, head: readonly Head[], lines: Uint8Array): number {
  const known = Math.min(head.length, log.held + 1 - from)
  let start = 0
  for (let i = 0; i < head.length; i++) {
    const [clock, name, id, bytes] = head[i]!
    if (i >= known) appendEvent(log, { clock, log: name, id, blob: lines, start, end: start + bytes })
    start += bytes
  }
  return known
}

/** Lets go of everything up to a seq. */
export function releaseUpTo(log: OriginLog, seq: number): void {
  const skip = Math.min(seq + 1 - log.first, log.events.length)
  if (skip <= log.skip) return
  for (let i = log.skip; i < skip; i++) log.bytes -= lengthOf(log.events[i]!)
  log.skip = skip
  // Cutting the array costs its length, so it is done only when half of it is gone; a few large events are much memory.
  if (skip < 16 || skip * 2 < log.events.length) return
  log.events.splice(0, skip)
  log.first += skip
  log.skip = 0
}

/** Drops what lies beyond a seal, for ever. */
export function cutAt(log: OriginLog, seal: number): void {
  log.seal = seal
  log.wanted = Math.min(log.wanted, seal)
  if (log.held <= seal) return
  const kept = Math.max(0, seal + 1 - log.first)
  for (let i = Math.max(kept, log.skip); i < log.events.length; i++) log.bytes -= lengthOf(log.events[i]!)
  log.events.length = kept
  for (const [id, seq] of log.refusals) if (seq > seal) log.refusals.delete(id)
  log.skip = Math.min(log.skip, log.events.length)
  log.held = seal
  log.committed = Math.min(log.committed, seal)
  log.stable = Math.min(log.stable, seal)
}

/** Roughly how many bytes the lines of events `from` to `to` have: one in 256 stands for its neighbours. */
export function roughBytes(log: OriginLog, from: number, to: number): number {
  let bytes = 0
  for (let seq = from; seq <= to; seq += 256) {
    const event = eventAt(log, seq)
    bytes += (event.end - event.start) * Math.min(256, to + 1 - seq)
  }
  return bytes
}

/** The lines and heads of events `from` to at most `to`, about `maxBytes` in all. */
export function takeBatch(log: OriginLog, from: number, to: number, maxBytes: number): { head: Head[]; lines: Buffer } {
  const head: Head[] = []
  const parts: Uint8Array[] = []
  let bytes = 0
  for (let seq = from; seq <= Math.min(to, log.held); seq++) {
    const event = eventAt(log, seq)
    const length = event.end - event.start
    if (bytes > 0 && bytes + length > maxBytes) break
    head.push([event.clock, event.log, event.id, length])
    parts.push(event.blob.subarray(event.start, event.end))
    bytes += length
  }
  return { head, lines: Buffer.concat(parts) }
}

/** The total order: by clock, then rank, then incarnation. */
export function isBefore(a: HeldEvent, of: OriginLog, b: HeldEvent, from: OriginLog): boolean {
  if (a.clock !== b.clock) return a.clock < b.clock
  return of.rank !== from.rank ? of.rank < from.rank : of.incarnation < from.incarnation
}
