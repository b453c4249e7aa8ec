/** A call table whose messages a test sees and answers. */
import type { Call } from '../../../src/client/call.ts'
import { CallTable } from '../../../src/client/calls.ts'
import { CallError } from '../../../src/client/error.ts'
import { createClock } from '../../../src/core/lamport.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import type { Data, Envelope } from '../../../src/protocol/envelope.ts'

export type Sent = { broker: number; batch: number; envelopes: Envelope[]; array: boolean }
export type Outcome = { data?: Data; error?: CallError; times: number }

export function start(brokers = 1) {
  const sent: Sent[] = []
  const failovers: string[] = []
  const clock = createClock()
  const table = new CallTable({
    clock,
    brokers,
    random: () => 0.5,
    timestamp: (now) => now,
    onFailover: (from, to) => failovers.push(`${from}>${to}`),
    transmit(broker, batch, body) {
      const value = decode(body)
      const array = Array.isArray(value)
      sent.push({ broker, batch, array, envelopes: (array ? value : [value]) as Envelope[] })
    },
  })
  let made = 0
  const add = (service: string, data: Data = {}, deadline = 15_000): Outcome => {
    const outcome: Outcome = { times: 0 }
    const envelope = { service, id: `id-${++made}`, data: { timestamp: 0, clock: 0, ...data } }
    const resolve = (value: Data) => {
      outcome.data = value
      outcome.times++
    }
    const reject = (reason: unknown) => {
      if (reason instanceof CallError) outcome.error = reason
      outcome.times++
    }
    const begun = { attempts: 0, batch: 0, settled: false, alone: false, error: null }
    const call: Call = { envelope, deadline, ...begun, resolve, reject }
    table.add(call)
    return outcome
  }
  const reply = (one: Sent, data: (envelope: Envelope) => Data, now: number): string | null => {
    const replies = one.envelopes.map((envelope) => ({ service: envelope.service, data: data(envelope) }))
    return table.receive(one.broker, one.batch, encode(one.array ? replies : replies[0]), now)
  }
  return { table, sent, failovers, clock, add, reply }
}

export const ok = (envelope: Envelope): Data => ({ status: 'OK', id: envelope.id, clock: 7 })
export const unavailable = (): Data => ({
  status: 'erro',
  code: 'unavailable',
  description: 'no quorum',
  retriable: true,
})
