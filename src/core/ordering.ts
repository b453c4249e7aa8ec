/**
 * Ordering: which event comes next in the total order, and what taking its place does.
 *
 * R1, no earlier one can come: every other member promised a clock at least as high and all it made is held here.
 * R2, it survives: a quorum of the view's ranks, this one included, holds it on disk.
 */

import type { ErrorCode } from '../protocol/errors.ts'
import type { AppliedEvent } from '../protocol/service.ts'
import { mixDigest } from './hash.ts'
import {
  addLine,
  createLineWriter,
  DUPLICATE,
  type ParsedLine,
  parseLine,
  REFUSALS,
  SKIPPED,
  takeLines,
  textOf,
} from './lines.ts'
import { eventAt, type HeldEvent, isBefore, type OriginLog, oldest, releaseUpTo } from './origin_log.ts'
import { codeOfRefusal } from './refusals.ts'
import { outcomeOfFirst, outcomeOfLine } from './remember.ts'
import { settle } from './requests.ts'
import type { Replica } from './state.ts'
import { advance, findId, forgetId, isRecorded, NO_OUTCOME, rememberId } from './window.ts'

/** Orders everything that R1 and R2 allow. */
export function orderEvents(r: Replica): void {
  if (!r.active) return
  const bound = promiseOfAll(r)
  for (;;) {
    const log = nextLog(r)
    if (log === null) break
    const seq = log.ordered + 1
    const event = eventAt(log, seq)
    if (event.clock > bound || log.stable < seq || log.committed < seq) break
    order(r, log, event, seq)
  }
  flushWriters(r)
}

/** The clock up to which every other member has promised to make nothing more, with all it made held here. */
export function promiseOfAll(r: Replica): number {
  let bound = Number.POSITIVE_INFINITY
  for (const peer of r.peers.values()) if (peer.promise < bound) bound = peer.promise
  return bound
}

/** The log with the smallest unordered event held here, or null. */
export function nextLog(r: Replica): OriginLog | null {
  let best: OriginLog | null = null
  let bestEvent: HeldEvent | null = null
  for (const log of r.logs.values()) {
    if (log.ordered >= log.held) continue
    const event = eventAt(log, log.ordered + 1)
    if (best === null || isBefore(event, log, bestEvent!, best)) {
      best = log
      bestEvent = event
    }
  }
  return best
}

/**
 * The largest seq of a log that a quorum holds on disk.
 * @param quorum how many distinct ranks
 */
function quorumHeld(r: Replica, log: OriginLog, quorum: number): number {
  const held = [log.committed]
  for (const peer of r.peers.values()) if (peer.counts) held.push(peer.have.get(log.origin) ?? 0)
  held.sort((a, b) => b - a)
  return held[quorum - 1] ?? 0
}

/** Recomputes what is on a quorum's disks: the larger quorum of the installed and the newest known view. */
export function updateStable(r: Replica, log: OriginLog): void {
  if (r.installed === null || r.known === null || r.own === null || log.stable >= log.held) return
  const stable = quorumHeld(r, log, Math.max(r.installed.view.quorum, r.known.quorum))
  // Nothing counts as held by others before it is held here.
  if (stable > log.stable) log.stable = Math.min(stable, log.held)
}

function order(r: Replica, log: OriginLog, event: HeldEvent, seq: number): void {
  const { outcome, reason } = takePlace(r, event, log.rank, seq, foldEvent)
  const n = r.position
  if (reason === null) addLine(writerOf(r, event.log), n, event.blob, event.start, event.end)
  else addLine(writerOf(r, SKIPPED), n, event.blob, event.start, event.end, { log: event.log, reason })
  log.ordered = seq
  if (event.log === REFUSALS) log.refusals.delete(event.id)
  r.eventsOrdered.set(log.rank, (r.eventsOrdered.get(log.rank) ?? 0) + 1)
  settle(r, event.id, outcome)
}

type Folding = Pick<Replica, 'app' | 'state' | 'window' | 'digest' | 'position'>

/**
 * Gives an event the next position, with all that follows for window, digest and state.
 * @param apply applies it to the state; only asked when its id has no outcome yet, or none but a recorded refusal
 * @returns its id's outcome, and why it has no effect (or null)
 */
export function takePlace<E extends { id: string; clock: number; log: string }>(
  r: Folding,
  event: E,
  rank: number,
  seq: number,
  apply: (r: Folding, event: E) => ErrorCode | null,
): { outcome: number; reason: string | null } {
  const n = r.position + 1
  const known = findId(r.window, event.id)
  const hash = r.window.scratch
  const isFirst = known === NO_OUTCOME || (isRecorded(known) && event.log !== REFUSALS)
  const code = isFirst ? apply(r, event) : null
  const outcome = isFirst ? outcomeOfFirst(event.log, code) : known
  const reason = isFirst ? code : DUPLICATE
  // `apply` may not touch the window, so its scratch still holds this id's hash.
  if (isFirst && known !== NO_OUTCOME) forgetId(r.window)
  advance(r.window, n, isFirst ? outcome : NO_OUTCOME)
  mixDigest(r.digest, hash, event.clock, rank, seq, reason !== null)
  r.position = n
  return { outcome, reason }
}

/** Applies an event to the services' state; those of logs without `apply` are not even read. @returns as `foldLine` */
function foldEvent(r: Folding, event: HeldEvent): ErrorCode | null {
  if (event.log !== REFUSALS && r.app.folds.get(event.log)?.apply === undefined) return null
  return foldLine(r, lineOf(event))
}

/** The line of an event that is held. @throws when it cannot be read */
export function lineOf({ log, id, blob, start, end }: HeldEvent): ParsedLine {
  const line = parseLine(textOf(blob, start, end), log)
  if (line === null) throw new Error(`an event of ${log} has no readable line: id ${JSON.stringify(id)}`)
  return line
}

/** Applies an event's line to the services' state. @returns why it has no effect, or null */
export function foldLine(r: Folding, line: ParsedLine): ErrorCode | null {
  if (line.log === REFUSALS) return codeOfRefusal(line)
  return r.app.folds.get(line.log)?.apply?.(line satisfies AppliedEvent, r.state) ?? null
}

/**
 * Takes a public line that another server ordered: the same effects on state, window and digest as ordering it here.
 * Its bytes are written by the caller.
 */
export function absorbLine(r: Replica, line: ParsedLine): void {
  if (line.n !== r.position + 1) throw new Error(`a copied line has position ${line.n}, expected ${r.position + 1}`)
  applyLine(r, line)
  // History has many origins that are long gone: a log is only for what is held.
  const log = r.logs.get(line.origin)
  if (line.log === REFUSALS) log?.refusals.delete(line.id)
  if (log === undefined) r.past.set(line.origin, line.seq)
  else skipTo(log, line.seq)
}

/** What both a copied line and one found at a restart do to position, window, digest and state. */
export function applyLine(
  r: Pick<Replica, 'app' | 'state' | 'window' | 'digest' | 'position' | 'clock'> & { waiters?: Replica['waiters'] },
  line: ParsedLine,
): void {
  const outcome = outcomeOfLine(line)
  if (line.skipped === null) r.app.folds.get(line.log)?.apply?.(line, r.state)
  rememberId(r.window, line.id, line.n, outcome)
  mixDigest(r.digest, r.window.scratch, line.clock, rankOf(line), line.seq, line.skipped !== null)
  r.position = line.n
  if (line.clock > r.clock) r.clock = line.clock
  if (r.waiters !== undefined)
    settle(r as Replica, line.id, outcome === NO_OUTCOME ? findId(r.window, line.id) : outcome)
}

export const rankOf = (line: ParsedLine): number => Number(line.origin.slice(7, line.origin.indexOf('@')))

/** Moves a log's ordered seq on; what is not held here is not needed any more. */
function skipTo(log: OriginLog, seq: number): void {
  log.ordered = Math.max(log.ordered, seq)
  if (log.held >= log.ordered) {
    if (log.committed < log.ordered) log.committed = log.ordered
    return
  }
  log.events = []
  log.first = log.ordered + 1
  log.skip = 0
  log.bytes = 0
  log.held = log.ordered
  log.committed = log.ordered
  log.stable = log.ordered
}

/** Lets go of ordered events that every member holds. */
export function releaseEvents(r: Replica): void {
  for (const log of r.logs.values()) {
    let upTo = log.ordered
    for (const peer of r.peers.values()) upTo = Math.min(upTo, peer.have.get(log.origin) ?? 0)
    if (upTo >= oldest(log)) releaseUpTo(log, upTo)
  }
}

const writerOf = (r: Replica, log: string) => {
  let writer = r.writers.get(log)
  if (writer === undefined) {
    writer = createLineWriter()
    r.writers.set(log, writer)
  }
  return writer
}

function flushWriters(r: Replica): void {
  for (const [log, writer] of r.writers) {
    if (writer.used === 0) continue
    const { first, last } = writer
    r.effects.push({ type: 'write', log, first, last, lines: takeLines(writer) })
  }
}
