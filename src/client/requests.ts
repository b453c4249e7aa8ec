/** Calls over the connections to the brokers: the table of calls with its sockets and timers. */

import type { Clock } from '../core/lamport.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import { firstClock, lastClock } from '../protocol/carried.ts'
import { type Data, isMap } from '../protocol/envelope.ts'
import type { Call } from './call.ts'
import { CallTable } from './calls.ts'
import { CallError } from './error.ts'
import { connectBroker } from './link.ts'
import type { CallOptions } from './types.ts'
import { createUlids } from './ulid.ts'
import { onAbort } from './waiting.ts'

export type Requests = {
  call(service: string, data: Data, options?: CallOptions): Promise<Data>
  /** Takes no more, waits for those in flight, but not longer than `graceMs`, and closes the connections. */
  close(graceMs: number): Promise<void>
}

const DEADLINE_MS = 15_000
const SWEEP_MS = 50
/** Node takes anything above for 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** Calls without an answer; far more than a cluster answers in the time that a call has. */
const MOST_PENDING = 100_000
const TOO_MANY = `more than ${MOST_PENDING} calls wait for an answer`

export function createRequests(
  urls: readonly string[],
  clock: Clock,
  complain: Complain,
  messages: MessageLog | null,
): Requests {
  const nextUlid = createUlids()
  const table = new CallTable({
    clock,
    brokers: urls.length,
    transmit(broker, batch, body) {
      messages?.sent('client>broker', body, clock.now)
      links[broker]!.send(batch, body)
    },
    timestamp: () => Date.now(),
    random: Math.random,
    onFailover: (from, to) => complain('a broker is silent, trying another', { from: urls[from], to: urls[to] }),
  })
  const links = urls.map((url, broker) =>
    connectBroker(url, {
      isWanted: (batch) => table.isWanted(batch),
      onReply: (batch, body) => receive(broker, batch, body),
    }),
  )
  // Deadlines must not move when somebody sets the machine's clock.
  const now = (): number => performance.now()
  const schedule = createSchedule(table, now)

  function receive(broker: number, batch: number, body: Buffer): void {
    let wrong: string | null
    // Also of a reply that nobody waits for any more.
    const carried = lastClock(body, 'clock') ?? firstClock(body)
    clock.merge(carried)
    messages?.received('broker>client', body, carried, clock.now)
    try {
      wrong = table.receive(broker, batch, body, now())
    } catch (error) {
      wrong = error instanceof Error ? error.message : String(error)
    }
    if (wrong !== null) complain('a reply could not be read', { broker: urls[broker], wrong })
    schedule.settled()
  }
  const add = (call: Call): void => {
    table.add(call)
    schedule.added()
  }
  let closed = false
  return {
    call(service, data, { id, deadlineMs = DEADLINE_MS, signal } = {}) {
      if (signal?.aborted) return Promise.reject(signal.reason)
      if (closed) return Promise.reject(new CallError('unavailable', 'the client is closed', false))
      if (table.pending >= MOST_PENDING) return Promise.reject(new CallError('unavailable', TOO_MANY, true))
      if (!isMap(data)) return Promise.reject(new CallError('bad_request', 'data must be a map', false))
      if (typeof deadlineMs !== 'number' || !(deadlineMs >= 0))
        return Promise.reject(new CallError('bad_request', 'deadlineMs must be a number of milliseconds', false))
      return new Promise((resolve, reject) => {
        // The two that are set on sending come first: behind the spread, V8 makes a slow object (1.5 µs against 0.07).
        const envelope = { service, id: id ?? nextUlid(Date.now()), data: { timestamp: 0, clock: 0, ...data } }
        const deadline = Math.min(now() + deadlineMs, Number.MAX_SAFE_INTEGER)
        const call: Call = {
          envelope,
          deadline,
          attempts: 0,
          batch: 0,
          settled: false,
          alone: false,
          error: null,
          resolve,
          reject,
        }
        if (signal !== undefined) cancelWith(signal, call)
        add(call)
      })
    },
    async close(graceMs) {
      closed = true
      await schedule.idle(graceMs)
      for (const link of links) link.close()
    },
  }

  function cancelWith(signal: AbortSignal, call: Call): void {
    const { resolve, reject } = call
    const forget = onAbort(signal, () => {
      table.cancel(call, signal.reason)
      schedule.settled()
    })
    call.resolve = (data) => {
      forget()
      resolve(data)
    }
    call.reject = (reason) => {
      forget()
      reject(reason)
    }
  }
}

/** When the table is flushed and swept: nothing runs while no call waits. */
function createSchedule(table: CallTable, now: () => number) {
  let scheduled = false
  let sweeper: NodeJS.Timeout | null = null
  let onIdle = (): void => {}

  const settled = (): void => {
    if (table.pending > 0) return
    if (sweeper !== null) clearInterval(sweeper)
    sweeper = null
    onIdle()
  }
  const flush = (): void => {
    scheduled = false
    table.flush(now())
    settled()
  }
  const sweep = (): void => {
    table.sweep(now())
    settled()
  }
  return {
    settled,
    added(): void {
      // Everything that asks in this turn of the event loop travels together.
      if (!scheduled) {
        scheduled = true
        setImmediate(flush)
      }
      sweeper ??= setInterval(sweep, SWEEP_MS)
    },
    /** Resolves when no call waits; those that still do after `graceMs` are given up. */
    async idle(graceMs: number): Promise<void> {
      if (table.pending === 0) return
      const giveUp = (): void => {
        table.abort(new CallError('timeout', 'the client was closed before the reply came', true))
        settled()
      }
      const timer = setTimeout(giveUp, Math.min(graceMs, LONGEST_TIMER_MS))
      await new Promise<void>((resolve) => {
        onIdle = resolve
      })
      clearTimeout(timer)
    },
  }
}
