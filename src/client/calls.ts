/**
 * The table of calls that wait for their reply. Time is an argument, from a clock that never steps.
 *
 * Calls of one turn of the event loop travel together, grouped by service (a batch for one service can go to a back end
 * of its own), in pieces of a sixth of what is in flight, so that there is work for every server. A batch is matched by a
 * number that travels in a frame of its own before the empty delimiter, where brokers and workers leave it alone.
 *
 * A call without a reply is sent again under the same id, so it has one effect however often it arrives. That happens
 * when later batches are answered or all is silent, not by age alone, and the longer replies take of late the later: a
 * busy cluster must not be fed more.
 */

import type { Clock } from '../core/lamport.ts'
import { decode } from '../protocol/codec.ts'
import { isMap } from '../protocol/envelope.ts'
import { encodeBatches } from './batches.ts'
import { type Batch, type Call, firstDeadline } from './call.ts'
import { CallError, errorIn } from './error.ts'
import { createHearing, type Hearing, hearReply, isOverdue, isSilent, SILENT_MS } from './hearing.ts'

export type CallTableOptions = {
  clock: Clock
  /** How many brokers there are; they are numbered from 0. */
  brokers: number
  /** Sends a body to a broker under a batch number; it may get lost. */
  transmit(broker: number, batch: number, body: Uint8Array): void
  /** What requests carry as their `timestamp`, milliseconds since 1970. */
  timestamp(now: number): number
  /** A number in [0, 1), for jitter. */
  random(): number
  /** Told when requests move on to another broker. */
  onFailover?(from: number, to: number): void
}

/** A first reply is waited for this long; later ones twice as long each time. */
const FIRST_WAIT_MS = SILENT_MS
const LONGEST_WAIT_MS = 2000
/** After a retriable refusal. */
const FIRST_PAUSE_MS = 100

export class CallTable {
  readonly #options: CallTableOptions
  readonly #brokers: Hearing[]
  /** By number, in the order they were sent. */
  readonly #batches = new Map<number, Batch>()
  /** To go with the next flush. */
  #gathered: Call[] = []
  /** Refused for now; to be sent again at a time. */
  #delayed: { call: Call; at: number }[] = []
  #current = 0
  #lastBatch = 0
  #pending = 0

  constructor(options: CallTableOptions) {
    this.#options = options
    this.#brokers = Array.from({ length: options.brokers }, createHearing)
  }

  /** Calls that wait for their reply. */
  get pending(): number {
    return this.#pending
  }

  /** Whether there is a call whose reply to this batch is what it waits for: otherwise it need not be sent. */
  isWanted(number: number): boolean {
    return this.#batches.get(number)?.calls.some((call) => !call.settled && call.batch === number) ?? false
  }

  /** Adds a call, to be sent with the next `flush`. */
  add(call: Call): void {
    this.#pending++
    this.#gathered.push(call)
  }

  /** Sends what gathered. */
  flush(now: number): void {
    if (this.#gathered.length === 0) return
    const calls = this.#gathered.filter((call) => !call.settled)
    this.#gathered = []
    if (calls.length === 0) return
    const timestamp = this.#options.timestamp(now)
    const stamp = (piece: Call[]): void => {
      const clock = this.#options.clock.tick()
      for (const { envelope } of piece) {
        envelope.data.timestamp = timestamp
        envelope.data.clock = clock
      }
    }
    encodeBatches(
      calls,
      this.#pending,
      stamp,
      (piece, body) => this.#send(piece, body, now),
      (call, error) => this.#reject(call, error),
    )
  }

  /** Takes a reply. @returns what is wrong with it, or null @throws {MalformedError} */
  receive(from: number, number: number, body: Uint8Array, now: number): string | null {
    const broker = this.#brokers[from]!
    broker.repliedAt = now
    const batch = this.#batches.get(number)
    // The reply to an attempt after another has been answered.
    if (batch === undefined) return null
    hearReply(broker, batch.sentAt, now)
    const { calls } = batch
    const reply = decode(body)
    if (Array.isArray(reply) && reply.length !== calls.length)
      return `${reply.length} replies to ${calls.length} requests`
    this.#batches.delete(number)
    if (!Array.isArray(reply) && calls.length > 1 && isFinal(reply)) this.#separate(calls, number)
    else
      for (let i = 0; i < calls.length; i++)
        this.#answer(calls[i]!, number, Array.isArray(reply) ? reply[i] : reply, now)
    return null
  }

  /** Gives up, sends again. To be called about every 50 ms while calls are pending. */
  sweep(now: number): void {
    for (const [number, batch] of this.#batches) {
      if (now >= batch.deadline) this.#expire(batch, now)
      if (now >= batch.dueAt && !batch.stale && isOverdue(this.#brokers[batch.broker]!, batch.sentAt, now))
        this.#resend(batch, number, now)
      if (batch.deadline === Infinity || (batch.stale && batch.calls.every((call) => call.settled)))
        this.#batches.delete(number)
    }
    if (this.#delayed.length > 0) {
      for (const { call, at } of this.#delayed) if (!call.settled && at <= now) this.#gathered.push(call)
      this.#delayed = this.#delayed.filter(({ call, at }) => !call.settled && at > now)
    }
    this.flush(now)
  }

  /** Forgets a call that nobody waits for any more. Its request may still have its effect. */
  cancel(call: Call, reason: unknown): void {
    if (call.settled) return
    this.#reject(call, reason)
    if (this.#pending === 0) this.#forgetAll()
  }

  /** Rejects everything. */
  abort(error: CallError): void {
    const sent = [...this.#batches.values()].flatMap(({ calls }) => calls)
    for (const call of [...this.#gathered, ...this.#delayed.map(({ call }) => call), ...sent]) {
      if (!call.settled) this.#reject(call, error)
    }
    this.#forgetAll()
  }

  #forgetAll(): void {
    this.#gathered = []
    this.#delayed = []
    this.#batches.clear()
  }

  #send(calls: Call[], body: Uint8Array, now: number): void {
    const number = ++this.#lastBatch
    let attempts = 0
    for (const call of calls) {
      call.batch = number
      attempts = Math.max(attempts, call.attempts)
    }
    const dueAt = now + this.#backOff(FIRST_WAIT_MS, attempts)
    const deadline = firstDeadline(calls)
    this.#batches.set(number, { calls, broker: this.#current, sentAt: now, dueAt, deadline, stale: false })
    this.#options.transmit(this.#current, number, body)
  }

  /**
   * One refusal of a whole batch: something in it could not be read, and the calls beside it must not suffer for that. Each
   * is asked again in a body of its own.
   */
  #separate(calls: readonly Call[], number: number): void {
    for (const call of calls) {
      if (call.settled || call.batch !== number) continue
      call.alone = true
      call.batch = 0
      this.#gathered.push(call)
    }
  }

  /** A reply's envelope to one call. */
  #answer(call: Call, number: number, reply: unknown, now: number): void {
    if (call.settled) return
    const data = isMap(reply) ? reply.data : null
    if (!isMap(data)) {
      this.#reject(call, new CallError('internal', 'the reply is no envelope', false))
      return
    }
    this.#options.clock.merge(data.clock)
    const error = errorIn(data)
    if (error === null) {
      call.settled = true
      this.#pending--
      call.resolve(data)
    } else if (!error.retriable) this.#reject(call, error)
    // Otherwise a later attempt is under way, and that one decides.
    else if (call.batch === number) this.#retryLater(call, error, now)
  }

  #retryLater(call: Call, error: CallError, now: number): void {
    call.error = error
    call.batch = 0
    const at = now + this.#backOff(FIRST_PAUSE_MS, call.attempts++)
    if (at >= call.deadline) this.#reject(call, error)
    else this.#delayed.push({ call, at })
  }

  #reject(call: Call, reason: unknown): void {
    call.settled = true
    this.#pending--
    call.reject(reason)
  }

  #expire(batch: Batch, now: number): void {
    for (const call of batch.calls) {
      if (call.settled || now < call.deadline) continue
      this.#reject(call, call.error ?? new CallError('timeout', `no reply to ${call.envelope.service} in time`, true))
    }
    batch.deadline = firstDeadline(batch.calls)
  }

  #resend(batch: Batch, number: number, now: number): void {
    batch.stale = true
    if (isSilent(this.#brokers[batch.broker]!, now) && batch.broker === this.#current && this.#brokers.length > 1) {
      this.#current = (this.#current + 1) % this.#brokers.length
      this.#options.onFailover?.(batch.broker, this.#current)
    }
    for (const call of batch.calls) {
      if (call.settled || call.batch !== number) continue
      call.attempts++
      this.#gathered.push(call)
    }
  }

  #backOff(first: number, attempts: number): number {
    const jitter = 0.75 + this.#options.random() / 2
    return jitter * Math.min(first * 2 ** Math.min(attempts, 10), LONGEST_WAIT_MS)
  }
}

const isFinal = (reply: unknown): boolean =>
  isMap(reply) && isMap(reply.data) && errorIn(reply.data)?.retriable === false
