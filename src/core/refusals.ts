/**
 * R10, refusals: what the state refuses for good never has its effect, though copies of the request are still on their way.
 *
 * Problem: a request was sent twice, one copy is refused because something does not exist, then that is created, then the
 * other copy arrives at another server, where nobody knows that the client was told no.
 *
 * Idea: a refusal is an event, of the log `refusals`. It has no effect and takes its line in `skipped.jsonl`; a server that
 * holds it makes no event of its id any more. The client is told when nothing unknown can have been made of the id: when
 * every member holds the refusal, and all that they had made by then has its place in the order. An event that was made of
 * the id before its server heard of the refusal counts, wherever the two stand in the order: it may have been answered OK.
 *
 * A member may hold it in memory only, so that one slow disk does not hold up refusals. Should it be killed, it makes nothing
 * before it is in a view again, and as the refusal is ordered before it is told, that view has it.
 */
import { type ErrorCode, isRetriable, type Refusal, readCode } from '../protocol/errors.ts'
import { type ParsedLine, REFUSALS } from './lines.ts'
import { lineOf } from './ordering.ts'
import { eventAt } from './origin_log.ts'
import { waitForState } from './reads.ts'
import { addEvent, refusalOf, reply, type WriteItem } from './requests.ts'
import type { Replica, Waiter } from './state.ts'
import { codeOf, findId } from './window.ts'

/** Refuses a write from a state that is known to be recent enough, or as an earlier copy was refused. */
export function refuseWrite(r: Replica, item: WriteItem, refusal: Refusal): void {
  if (isRetriable(refusal.code)) return reply(r, item.token, { refusal })
  r.refusing.push(addEvent(r, item, REFUSALS, { service: item.service.name, code: refusal.code }, refusal))
}

/** What a refusal says. */
export const codeOfRefusal = ({ body }: ParsedLine): ErrorCode => readCode(body.code) ?? 'internal'

/** Why a request was refused elsewhere, or here before, by a refusal that is held here and not ordered yet; or null. */
export function recordedRefusal(r: Replica, id: string): ErrorCode | null {
  for (const log of r.logs.values()) {
    const seq = log.refusals.get(id)
    if (seq !== undefined && seq > log.ordered) return codeOfRefusal(lineOf(eventAt(log, seq)))
  }
  return null
}

/** Lets own refusals that every member holds wait for the state that has all that the members made before. */
export function settleRefusals(r: Replica): void {
  if (r.refusing.length === 0 || !r.active || r.own === null) return
  let held = r.own.held
  for (const peer of r.peers.values())
    held = Math.min(held, Math.max(peer.heldOfOurs, peer.have.get(r.own.origin) ?? 0))
  let done = 0
  for (const waiter of r.refusing) {
    if (waiter.seq > held) break
    done++
    if (r.waiters.get(waiter.id) === waiter) waitForState(r, { refused: waiter })
  }
  r.refusing.splice(0, done)
}

/** Forgets refusals that no waiter stands for any more; their events go their way. */
export function forgetDropped(r: Replica): void {
  const isAwaited = (waiter: Waiter): boolean => r.waiters.get(waiter.id) === waiter
  r.refusing = r.refusing.filter(isAwaited)
  r.waiting = r.waiting.filter((item) => !('refused' in item) || isAwaited(item.refused))
}

/** The state has all that can have been made of a refused id: the refusal stands if that is what it says. */
export function answerRefused(r: Replica, waiter: Waiter): void {
  if (r.waiters.get(waiter.id) !== waiter) return
  r.waiters.delete(waiter.id)
  const code = codeOf(findId(r.window, waiter.id)) ?? waiter.refusal!.code
  const refusal = code === waiter.refusal!.code ? waiter.refusal! : refusalOf(code, waiter.service, waiter.request)
  for (const token of waiter.tokens) reply(r, token, { refusal })
  waiter.tokens.length = 0
}
