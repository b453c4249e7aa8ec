import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Call, CallTable } from '../../../src/client/calls.ts'
import { CallError } from '../../../src/client/error.ts'
import { createClock } from '../../../src/client/lamport.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import type { Data, Envelope } from '../../../src/protocol/envelope.ts'

type Sent = { broker: number; batch: number; envelopes: Envelope[]; array: boolean }
type Outcome = { data?: Data; error?: CallError; times: number }

function start(brokers = 1) {
  const sent: Sent[] = []
  const failovers: string[] = []
  const clock = createClock()
  const table = new CallTable({
    clock,
    brokers,
    random: () => 0.5,
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
    const reject = (error: CallError) => {
      outcome.error = error
      outcome.times++
    }
    const call: Call = { envelope, deadline, attempts: 0, batch: 0, settled: false, error: null, resolve, reject }
    table.add(call)
    return outcome
  }
  const reply = (one: Sent, data: (envelope: Envelope) => Data, now: number): string | null => {
    const replies = one.envelopes.map((envelope) => ({ service: envelope.service, data: data(envelope) }))
    return table.receive(one.broker, one.batch, encode(one.array ? replies : replies[0]), now)
  }
  return { table, sent, failovers, clock, add, reply }
}

const ok = (envelope: Envelope): Data => ({ status: 'OK', id: envelope.id, clock: 7 })
const unavailable = (): Data => ({ status: 'erro', code: 'unavailable', description: 'no quorum', retriable: true })

test('one call travels alone, several as an array, each with id, clock and time', () => {
  const { table, sent, add } = start()
  add('login', { user: 'ana' })
  table.flush(5)
  add('publish')
  add('publish')
  table.flush(6)
  assert.deepEqual(
    sent.map(({ array, envelopes }) => [array, envelopes.length]),
    [
      [false, 1],
      [true, 2],
    ],
  )
  assert.deepEqual(sent[0]!.envelopes[0], {
    service: 'login',
    id: 'id-1',
    data: { timestamp: 5, clock: 1, user: 'ana' },
  })
  assert.deepEqual(
    sent[1]!.envelopes.map(({ id, data }) => [id, data.clock]),
    [
      ['id-2', 2],
      ['id-3', 3],
    ],
  )
})

test('batches are by service, and a sixth of what is in flight from 100 to 1,000', () => {
  const { table, sent, add } = start()
  for (let i = 0; i < 250; i++) add(i % 2 === 0 ? 'publish' : 'mean')
  table.flush(0)
  assert.deepEqual(
    sent.map(({ envelopes }) => `${envelopes[0]!.service} ${envelopes.length}`),
    ['publish 100', 'publish 25', 'mean 100', 'mean 25'],
  )
  const large = start()
  for (let i = 0; i < 12_000; i++) large.add('publish')
  large.table.flush(0)
  assert.deepEqual([...new Set(large.sent.map(({ envelopes }) => envelopes.length))], [1000])
})

test('a body never has more than 1 MiB, and what cannot be sent is refused alone', () => {
  const { table, sent, add } = start()
  const text = 'x'.repeat(60_000)
  const outcomes = Array.from({ length: 60 }, () => add('publish', { text }))
  const tooLarge = add('publish', { text: 'x'.repeat(1 << 20) })
  const impossible = add('publish', { text: 5n })
  table.flush(0)
  assert.equal(
    sent.reduce((sum, { envelopes }) => sum + envelopes.length, 0),
    60,
  )
  assert.ok(sent.length >= 4)
  assert.equal(tooLarge.error?.code, 'too_large')
  assert.equal(impossible.error?.code, 'bad_request')
  assert.ok(outcomes.every(({ times }) => times === 0))
  assert.equal(table.pending, 60)
})

test('replies settle their calls in order, errors reject, the clock is merged', () => {
  const { table, sent, add, reply, clock } = start()
  const good = add('channel')
  const bad = add('channel')
  table.flush(0)
  const refuse = { status: 'erro', code: 'already_exists', description: 'there is one', retriable: false, clock: 40 }
  reply(sent[0]!, ({ id }) => (id === 'id-2' ? refuse : { status: 'sucesso' }), 1)
  assert.equal(good.data?.status, 'sucesso')
  assert.ok(bad.error instanceof CallError)
  assert.deepEqual(
    [bad.error.code, bad.error.description, bad.error.retriable],
    ['already_exists', 'there is one', false],
  )
  assert.equal(clock.tick(), 41)
  assert.equal(table.pending, 0)
})

test('one error for a whole batch is every call’s', () => {
  const { table, sent, add } = start()
  const outcomes = [add('sum'), add('sum')]
  table.flush(0)
  const data = { status: 'erro', message: 'old style' }
  table.receive(0, sent[0]!.batch, encode({ service: '', data }), 1)
  for (const { error } of outcomes) assert.deepEqual([error?.code, error?.description], ['internal', 'old style'])
})

test('replies that make no sense are reported and leave the calls waiting', () => {
  const { table, sent, add } = start()
  const outcome = add('sum')
  add('sum')
  table.flush(0)
  assert.match(table.receive(0, sent[0]!.batch, encode([1]), 1) ?? '', /1 replies to 2 requests/)
  assert.throws(() => table.receive(0, sent[0]!.batch, Buffer.from([0xc1]), 1))
  assert.equal(table.receive(0, 99, encode([1]), 1), null)
  assert.equal(outcome.times, 0)
  assert.equal(table.pending, 2)
})

test('silence: sent again with the same id after half a second, then less and less often', () => {
  const { table, sent, add, reply } = start()
  const outcome = add('publish')
  table.flush(0)
  const times: number[] = []
  for (let now = 0; now < 8000; now += 50) {
    const before = sent.length
    table.sweep(now)
    if (sent.length > before) times.push(now)
  }
  assert.deepEqual(times, [500, 1500, 3500, 5500, 7500])
  assert.deepEqual([...new Set(sent.map(({ envelopes }) => envelopes[0]!.id))], ['id-1'])
  const clocks = sent.map(({ envelopes }) => envelopes[0]!.data.clock as number)
  assert.ok(clocks.every((clock, i) => i === 0 || clock > clocks[i - 1]!))
  // The answer to any attempt will do, and the others are ignored.
  reply(sent[1]!, ok, 8000)
  reply(sent[0]!, ok, 8001)
  reply(sent[4]!, ok, 8002)
  assert.equal(outcome.times, 1)
  table.sweep(9000)
  assert.equal(sent.length, 6)
})

test('a busy broker is not asked again, an overtaken call is', () => {
  const { table, sent, add, reply } = start()
  const slow = add('publish')
  table.flush(0)
  for (let now = 50; now <= 2000; now += 50) {
    const other = add('sum')
    table.flush(20)
    reply(sent.at(-1)!, ok, now)
    assert.equal(other.times, 1)
    table.sweep(now)
  }
  assert.equal(sent.filter(({ envelopes }) => envelopes[0]!.id === 'id-1').length, 1)
  add('sum')
  table.flush(200)
  reply(sent.at(-1)!, ok, 2010)
  table.sweep(2010)
  assert.equal(sent.at(-1)!.envelopes[0]!.id, 'id-1')
  assert.equal(slow.times, 0)
})

test('a retriable refusal is tried again until the deadline, and then is the reason', () => {
  const { table, sent, add, reply } = start()
  const outcome = add('publish', {}, 3000)
  table.flush(0)
  for (let now = 0; now <= 3000; now += 50) {
    for (const one of sent.splice(0)) reply(one, unavailable, now)
    table.sweep(now)
  }
  assert.equal(outcome.times, 1)
  assert.equal(outcome.error?.code, 'unavailable')
  assert.equal(table.pending, 0)
})

test('without any reply the deadline gives a timeout, even a short one', () => {
  const { table, add } = start()
  const short = add('sum', {}, 100)
  const long = add('sum', {}, 20_000)
  table.flush(0)
  table.sweep(50)
  assert.equal(short.times, 0)
  table.sweep(100)
  assert.equal(short.error?.code, 'timeout')
  assert.equal(short.error?.retriable, true)
  for (let now = 150; now <= 20_000; now += 50) table.sweep(now)
  assert.equal(long.error?.code, 'timeout')
  assert.equal(table.pending, 0)
})

test('a silent broker is left for the next', () => {
  const { table, sent, add, reply, failovers } = start(2)
  const outcome = add('sum')
  table.flush(0)
  table.sweep(500)
  assert.deepEqual(
    sent.map(({ broker }) => broker),
    [0, 1],
  )
  assert.deepEqual(failovers, ['0>1'])
  reply(sent[1]!, ok, 510)
  assert.equal(outcome.times, 1)
  add('sum')
  table.flush(520)
  assert.equal(sent[2]!.broker, 1)
})

test('abort rejects everything once', () => {
  const { table, sent, add, reply } = start()
  const waiting = add('sum')
  table.flush(0)
  reply(sent[0]!, unavailable, 1)
  const flying = add('sum')
  table.flush(2)
  const gathered = add('sum')
  table.abort(new CallError('timeout', 'closed', true))
  for (const { times, error } of [waiting, flying, gathered])
    assert.deepEqual([times, error?.description], [1, 'closed'])
  assert.equal(table.pending, 0)
})

test('whatever is lost or repeated, every call is settled exactly once', () => {
  const fate = fc.record({ lost: fc.boolean(), repeats: fc.nat(2), delay: fc.nat(1500), error: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(fc.nat(30), { minLength: 1, maxLength: 8 }),
      fc.array(fate, { minLength: 1 }),
      (sizes, fates) => {
        const { table, sent, add, reply } = start(2)
        const outcomes: Outcome[] = []
        const due: { at: number; one: Sent; error: boolean }[] = []
        let handled = 0
        for (let now = 0; now < 20_000; now += 50) {
          const size = sizes[now / 50]
          for (let i = 0; i < (size ?? 0); i++) outcomes.push(add(i % 3 === 0 ? 'sum' : 'publish', {}, now + 10_000))
          table.flush(now)
          for (; handled < sent.length; handled++) {
            const { lost, repeats, delay, error } = fates[handled % fates.length]!
            for (let i = 0; i <= repeats && !lost; i++)
              due.push({ at: now + delay * (i + 1), one: sent[handled]!, error })
          }
          for (const { at, one, error } of due)
            if (at <= now && at > now - 50) reply(one, error ? unavailable : ok, now)
          table.sweep(now)
        }
        assert.equal(table.pending, 0)
        assert.ok(outcomes.every(({ times }) => times === 1))
      },
    ),
    { numRuns: 60 },
  )
})
