/**
 * Reading: a request that reads replicated state, or is refused for something that does not exist, is answered from a
 * state that holds everything up to its Lamport clock c. All promises of the view must have reached c and nothing at or
 * below c may be unordered; where that is not so, an ack with `ask: c` makes everybody promise. Waiters share a round.
 */
import { refuse } from '../protocol/errors.ts'
import { nextLog, promiseOfAll } from './ordering.ts'
import { eventAt } from './origin_log.ts'
import { answerRefused } from './refusals.ts'
import { reply, takeWrite, type WriteItem } from './requests.ts'
import type { Replica, Waiter, Waiting, WaitingRequest } from './state.ts'

/** Between two asks, and until a read is answered from what is there, ms. */
const ASK_AGAIN_MS = 50
const READ_PATIENCE_MS = 250

/** Lets a request, or a refusal, wait for the state to be recent enough for it; `answerWaiting` at the end of the step goes on. */
export function waitForState(r: Replica, item: WaitingRequest | { refused: Waiter }): void {
  r.waiting.push({ ...item, c: r.clock, since: r.now })
}

/** Answers those whose state is there, and those whose patience is at its end. */
export function answerWaiting(r: Replica): void {
  if (r.waiting.length === 0) return
  const level = readLevel(r)
  const rest: Waiting[] = []
  const all = r.waiting
  r.waiting = []
  for (const item of all) {
    if (item.c <= level) answer(r, item, false)
    else if (!('refused' in item) && r.now - item.since >= READ_PATIENCE_MS) answer(r, item, true)
    else rest.push(item)
  }
  // Answering may have put a write back; keep it behind the older ones.
  r.waiting = rest.concat(r.waiting)
  const last = rest[rest.length - 1]
  if (last !== undefined && r.active && (last.c > r.asked || r.now - r.askedAt >= ASK_AGAIN_MS)) {
    r.asked = last.c
    r.askedAt = r.now
    r.askDue = true
    r.ackDue = true
  }
}

/** Everything up to this clock is in the state. */
function readLevel(r: Replica): number {
  if (!r.active) return -1
  let level = promiseOfAll(r)
  // What this very step makes is not in the logs yet.
  const made = r.newHead[0]
  if (made !== undefined) level = Math.min(level, made[0] - 1)
  const log = nextLog(r)
  return log === null ? level : Math.min(level, eventAt(log, log.ordered + 1).clock - 1)
}

function answer(r: Replica, item: Waiting, stale: boolean): void {
  if ('refused' in item) return answerRefused(r, item.refused)
  if (item.service.ack !== 'read') {
    if (!stale) return takeWrite(r, item as WriteItem, true)
    const why = 'cannot tell yet whether what this needs exists: a server does not answer; try again'
    return reply(r, item.token, { refusal: refuse('unavailable', why) })
  }
  const result = item.service.read(item.request, r.state)
  if ('refusal' in result) {
    if (!stale) return reply(r, item.token, result)
    return reply(r, item.token, {
      refusal: refuse('unavailable', `${result.refusal.description} (not certain); try again`),
    })
  }
  if ('query' in result) return reply(r, item.token, { query: result.query, stale })
  reply(r, item.token, stale ? { data: result.data, stale } : result)
}
