/**
 * The table of requests that wait for a reply, and who of them goes round again. Pure: time is an argument.
 *
 * Problem: a worker that dies takes the requests in its queue with it, and a client that knows nothing of retries would
 * wait for ever. Sending again after some time would do, but in an overloaded cluster everything is late, and sending all
 * of it again is what kills it.
 *
 * Idea: a request is sent again when it has waited for `redispatchMs` since it was last sent and there is evidence that
 * it is lost: it was *overtaken* (another request of the same back end, first sent at least OVERTAKEN_MS later, has been
 * answered), or all is *silent* (no reply at all from that back end for `redispatchMs`). Long queues are no evidence, so
 * both times are longer where replies have taken long of late: with large messages and slow disks replies come in bursts,
 * seconds apart, and from one worker seconds later than from another.
 *
 * Limits: at most MAX_ATTEMPTS times in all, and after GIVE_UP_MS it is given up, so the table is bounded in time as it
 * is in bytes and in requests, each of a batch counted: what waits is how long a newcomer has to wait. Workers may see a
 * request more than once; ours tell by its id.
 */

import { Pace } from '../core/pace.ts'

export type Request = {
  /** 1, 2, 3 … */
  readonly number: number
  /** Index of the back end that serves it. */
  readonly backEnd: number
  /** The client's identity and whatever else came before the empty delimiter. */
  readonly route: readonly Buffer[]
  readonly body: Buffer
  /** How many requests the body has. */
  readonly count: number
  /** When it came, was first sent to a worker and was last sent to one, milliseconds; the latter once `attempts` > 0. */
  readonly cameAt: number
  firstSentAt: number
  sentAt: number
  attempts: number
  /** How often a worker handed it back, because it was behind. */
  returned: number
  /** No longer in the table: answered or given up. */
  done: boolean
}

export type DispatchLimits = { redispatchMs: number; maxRequests: number; maxBytes: number }

export const MAX_ATTEMPTS = 5
/** Beyond the patience of a server (5 s), within that of a client (15 s): it still hears why. */
export const GIVE_UP_MS = 10_000
export const OVERTAKEN_MS = 100
/** How often a request may be handed back; by then all of several workers have probably said that they are behind. */
export const MOST_RETURNS = 4
/** How many may be handed back before any is answered, and how many answers are recent. */
const FREE_RETURNS = 100
const RECENT = 1000

/** `answered` and `returned`: of late, halved now and then. */
type Heard = { repliedAt: number; answeredSentAt: number; pace: Pace; answered: number; returned: number }

export class Dispatch {
  readonly #limits: DispatchLimits
  /** In the order they came, as a Map keeps it: a sweep stops at the first that is too young. */
  readonly #waiting = new Map<number, Request>()
  readonly #backEnds: Heard[] = []
  #bytes = 0
  #requests = 0
  #lastNumber = 0

  constructor(limits: DispatchLimits) {
    this.#limits = limits
  }

  /** Takes a request in; it still has to be sent. */
  add(backEnd: number, route: readonly Buffer[], body: Buffer, count: number, now: number): Request {
    const number = ++this.#lastNumber
    const unsent = { firstSentAt: 0, sentAt: 0, attempts: 0, returned: 0, done: false }
    const request: Request = { number, backEnd, route, body, count, cameAt: now, ...unsent }
    this.#waiting.set(number, request)
    this.#bytes += sizeOf(request)
    this.#requests += count
    return request
  }

  /** Notes that a request goes to a worker now. */
  sent(request: Request, now: number): void {
    if (request.attempts++ === 0) request.firstSentAt = now
    request.sentAt = now
  }

  /** Takes a reply. @returns the request that it answers, or null when that is done already (or never was) */
  reply(number: number, now: number): Request | null {
    const request = this.#waiting.get(number)
    if (request === undefined) return null
    const heard = this.#heard(request.backEnd)
    heard.repliedAt = now
    // Which attempt this answers is not known; the first is the cautious assumption.
    heard.answeredSentAt = Math.max(heard.answeredSentAt, request.firstSentAt)
    heard.pace.answered(now - request.firstSentAt, now)
    count(heard, 'answered')
    this.remove(request)
    return request
  }

  /**
   * Takes a request that a worker handed back.
   * @returns the request, to be sent again, or null when it is done already
   */
  handedBack(number: number, now: number): Request | null {
    const request = this.#waiting.get(number)
    if (request === undefined) return null
    const heard = this.#heard(request.backEnd)
    heard.repliedAt = now
    count(heard, 'returned')
    request.returned++
    // It was no attempt that failed.
    request.attempts--
    return request
  }

  /**
   * Whether the next worker may hand a request back in its turn. Not without end, and not when all are behind: then it
   * would only make more work for everybody.
   */
  mayReturn({ returned, backEnd }: Request): boolean {
    const heard = this.#heard(backEnd)
    return returned < MOST_RETURNS && heard.returned <= heard.answered + FREE_RETURNS
  }

  /** Takes a request out unanswered. */
  remove(request: Request): void {
    request.done = true
    this.#waiting.delete(request.number)
    this.#bytes -= sizeOf(request)
    this.#requests -= request.count
  }

  /**
   * What is due. To be called every few tens of milliseconds.
   * @param isOpen whether a back end takes messages at once: nothing is sent again to one whose queues are full
   * @returns requests to send again, and requests that were given up and have to be refused
   */
  sweep(now: number, isOpen: (backEnd: number) => boolean): { again: Request[]; givenUp: Request[] } {
    const again: Request[] = []
    const givenUp: Request[] = []
    const young = Math.min(this.#limits.redispatchMs, GIVE_UP_MS)
    for (const request of this.#waiting.values()) {
      const age = now - request.cameAt
      if (age < young) break
      if (age >= GIVE_UP_MS) givenUp.push(request)
      else if (this.#isLost(request, now) && isOpen(request.backEnd)) again.push(request)
    }
    for (const request of givenUp) this.remove(request)
    return { again, givenUp }
  }

  /** Whether no more should be taken in. */
  get full(): boolean {
    return this.#requests >= this.#limits.maxRequests || this.#bytes >= this.#limits.maxBytes
  }

  /** Messages in the table. */
  get size(): number {
    return this.#waiting.size
  }

  get bytes(): number {
    return this.#bytes
  }

  #isLost(request: Request, now: number): boolean {
    const { attempts, sentAt, backEnd } = request
    const { redispatchMs } = this.#limits
    if (attempts === 0 || attempts >= MAX_ATTEMPTS || now - sentAt < redispatchMs) return false
    const { repliedAt, answeredSentAt, pace } = this.#heard(backEnd)
    const usual = pace.ms(now)
    return answeredSentAt >= sentAt + Math.max(OVERTAKEN_MS, usual) || now - repliedAt >= redispatchMs + usual
  }

  #heard(backEnd: number): Heard {
    const never = Number.NEGATIVE_INFINITY
    this.#backEnds[backEnd] ??= { repliedAt: never, answeredSentAt: never, pace: new Pace(), answered: 0, returned: 0 }
    return this.#backEnds[backEnd]
  }
}

/** Counts, and lets what was counted long ago weigh less and less. */
function count(heard: Heard, what: 'answered' | 'returned'): void {
  if (++heard[what] < RECENT) return
  heard.answered /= 2
  heard.returned /= 2
}

function sizeOf(request: Request): number {
  let size = request.body.length
  for (const frame of request.route) size += frame.length
  return size
}
