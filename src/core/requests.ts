/**
 * Requests: from a client's words to an event, and from an event's fate to the answer. A waiter waits for the outcome
 * of its id, whichever event brings it.
 */

import type { Data } from '../protocol/envelope.ts'
import { type ErrorCode, quote, type Refusal, refuse } from '../protocol/errors.ts'
import { checkRequest, type WriteService } from '../protocol/service.ts'
import { mergeClient, mergeTrusted, tick } from './lamport.ts'
import { makeLine } from './lines.ts'
import type { OriginLog } from './origin_log.ts'
import { waitForState } from './reads.ts'
import { forgetDropped, recordedRefusal, refuseWrite } from './refusals.ts'
import type { Replica, Waiter } from './state.ts'
import type { ClientRequest, Outcome } from './types.ts'
import { codeOf, findId, isRecorded, NO_OUTCOME, SUCCESS } from './window.ts'

/** How long without a word from a quorum until writes are refused at once, ms. */
const QUORUM_SILENCE_MS = 1000

const UNAVAILABLE = (why: string): Outcome => ({ refusal: refuse('unavailable', `${why}; try again`) })

/** Takes one request: answers it, attaches it to what is under way, or makes an event. */
export function takeRequest(r: Replica, request: ClientRequest): void {
  r.clock = mergeClient(mergeTrusted(r.clock, request.stamp), request.clock)
  const service = r.app.services.get(request.service)
  if (service === undefined) {
    const names = [...r.app.services.keys()].sort().join(', ')
    const refusal = refuse('unknown_service', `unknown service ${quote(request.service)}; there are ${names}`)
    return reply(r, request.token, { refusal })
  }
  const checked = checkRequest(service.schema, request.data)
  if ('refusal' in checked) return reply(r, request.token, checked)
  if (service.ack === 'stateless') return reply(r, request.token, service.answer(checked.request, r.app.host))
  const item = { token: request.token, id: request.id, request: checked.request }
  if (service.ack === 'read') return waitForState(r, { ...item, service })
  takeWrite(r, { ...item, service }, false)
}

export type WriteItem = { token: unknown; id: string; request: Data; service: WriteService<unknown> }

/**
 * Takes a write.
 * @param settled the state is known to hold everything up to the request's clock, so a refusal from it is final
 */
export function takeWrite(r: Replica, item: WriteItem, settled: boolean): void {
  const { token, id, request, service } = item
  const waiter = r.waiters.get(id)
  if (waiter !== undefined) {
    // Already durable, only not ordered yet: a durable service can say so at once.
    if (waiter.refusal === null && waiter.service.ack === 'durable' && waiter.seq <= (r.own?.stable ?? 0))
      reply(r, token, { data: service.success })
    else attach(r, waiter, token)
    return
  }
  const known = findId(r.window, id)
  if (known !== NO_OUTCOME && !isRecorded(known)) return reply(r, token, outcomeOf(known, service, request))
  const hindrance = cannotWrite(r)
  if (hindrance !== null) return reply(r, token, hindrance)
  const before = codeOf(known) ?? recordedRefusal(r, id)
  if (before !== null) return refuseWrite(r, item, refusalOf(before, service, request))
  const prepared = service.prepare(request, r.state)
  if ('body' in prepared) makeEvent(r, item, prepared.body)
  else if (settled) refuseWrite(r, item, prepared.refusal)
  else waitForState(r, item)
}

/**
 * One more waits for the same id. Those who wait already keep their deadline; where nobody waits any more, the patience
 * of the new one begins now, so its waiter moves to the end of the queue.
 */
function attach(r: Replica, waiter: Waiter, token: unknown): void {
  if (waiter.tokens.push(token) > 1) return
  waiter.deadline = r.now + r.options.requestTimeoutMs
  r.waiters.delete(waiter.id)
  r.waiters.set(waiter.id, waiter)
}

/** Why no event can be made now, or null. */
function cannotWrite(r: Replica): Outcome | null {
  if (r.draining) return UNAVAILABLE('this server is stopping')
  if (r.own === null) return UNAVAILABLE('this server is not in a view')
  if (r.diskFull) return UNAVAILABLE('the disk of this server is full')
  if (!hearsQuorum(r)) return UNAVAILABLE('no quorum of servers is reachable')
  // Whatever keeps them from being ordered or released, a member that lags or a ref that is away, memory is bounded.
  if (r.own.bytes > 2 * r.options.lagBytes) return UNAVAILABLE('too many events of this server wait for another server')
  if (isBehind(r, r.own)) return UNAVAILABLE('too many events wait for their place in the order')
  return null
}

/** Ordering stands still for a while when a member falls silent, but events may become durable: a bound on those. */
function isBehind(r: Replica, own: OriginLog): boolean {
  const { unorderedEvents, unorderedBytes } = r.options
  return own.held + r.newLines.length - own.ordered >= unorderedEvents || r.unorderedBytes >= unorderedBytes
}

function hearsQuorum(r: Replica): boolean {
  if (r.installed === null) return false
  let heard = 1
  for (const peer of r.peers.values()) if (peer.counts && r.now - peer.heardAt <= QUORUM_SILENCE_MS) heard++
  return heard >= r.installed.view.quorum
}

function makeEvent(r: Replica, item: WriteItem, body: Data): void {
  r.undurable.push(addEvent(r, item, item.service.log, body))
}

/** Makes an event of a request; the request waits for the outcome of its id. @param refusal when that is the event (R10) */
export function addEvent(r: Replica, item: WriteItem, log: string, body: Data, refusal: Refusal | null = null): Waiter {
  const own = r.own!
  r.clock = tick(r.clock)
  const seq = own.held + r.newLines.length + 1
  r.newLines.push(makeLine({ clock: r.clock, origin: own.origin, seq, id: item.id, time: r.time }, body))
  r.newHead.push([r.clock, log, item.id])
  const waiter: Waiter = {
    id: item.id,
    service: item.service,
    request: item.request,
    body,
    refusal,
    tokens: [item.token],
    seq,
    time: r.time,
    clock: r.clock,
    deadline: r.now + r.options.requestTimeoutMs,
  }
  r.waiters.set(item.id, waiter)
  return waiter
}

/** Answers the durable waiters whose events a quorum holds, and tells their subscribers. */
export function answerDurable(r: Replica): void {
  if (r.own === null) return
  const stable = Math.min(r.own.stable, r.own.committed)
  let done = 0
  for (const waiter of r.undurable) {
    if (waiter.seq > stable) break
    done++
    if (waiter.service.ack !== 'durable') continue
    deliver(r, waiter)
    for (const token of waiter.tokens) reply(r, token, { data: waiter.service.success })
    waiter.tokens.length = 0
  }
  if (done > 0) r.undurable.splice(0, done)
}

/** An id has its place in the order: whoever waits for it hears its outcome, unless it is a recorded refusal (R10). */
export function settle(r: Replica, id: string, outcome: number): void {
  const waiter = isRecorded(outcome) ? undefined : r.waiters.get(id)
  if (waiter === undefined) return
  r.waiters.delete(id)
  for (const token of waiter.tokens) reply(r, token, outcomeOf(outcome, waiter.service, waiter.request))
  waiter.tokens.length = 0
  if (waiter.refusal !== null) forgetDropped(r)
  else if (waiter.service.ack === 'ordered' && outcome === SUCCESS) deliver(r, waiter)
}

/** Answers `refusal` to everybody who waits for a write or a read; their events, if any, go their way. */
export function failWaiters(r: Replica, code: ErrorCode, description: string): void {
  const refusal = refuse(code, description)
  for (const waiter of r.waiters.values()) {
    for (const token of waiter.tokens) reply(r, token, { refusal })
  }
  r.waiters.clear()
  r.undurable = []
  r.refusing = []
  for (const waiting of r.waiting) if ('token' in waiting) reply(r, waiting.token, { refusal })
  r.waiting = []
}

/** Answers what has waited too long; what becomes of it is unknown, and a retry with the same id settles it. */
export function expireWaiters(r: Replica): void {
  let dropped = 0
  for (const waiter of r.waiters.values()) {
    if (waiter.deadline > r.now) break
    for (const token of waiter.tokens) reply(r, token, UNAVAILABLE('no quorum of servers has confirmed it in time'))
    waiter.tokens.length = 0
    // A retry makes a refusal of its own; with what was asked, this one may be large.
    if (waiter.refusal === null) continue
    r.waiters.delete(waiter.id)
    dropped++
  }
  if (dropped > 0) forgetDropped(r)
}

export const reply = (r: Replica, token: unknown, outcome: Outcome): void => {
  r.effects.push({ type: 'reply', token, outcome })
}

function deliver(r: Replica, waiter: Waiter): void {
  if (waiter.service.publication === undefined || r.own === null) return
  r.effects.push({ type: 'deliver', event: waiter, origin: r.own.origin })
}

/** The answer that an id's outcome stands for. */
function outcomeOf(outcome: number, service: WriteService<unknown>, request: Data): Outcome {
  if (outcome === SUCCESS) return { data: service.success }
  return { refusal: refusalOf(codeOf(outcome) ?? 'internal', service, request) }
}

/** A refusal in the service's words. */
export const refusalOf = (code: ErrorCode, service: WriteService<unknown>, request: Data): Refusal =>
  refuse(code, service.describe?.(code, request) ?? code)
