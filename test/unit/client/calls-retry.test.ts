import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Outcome, ok, type Sent, start, unavailable } from './calls-harness.ts'

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
  assert.equal(sent.filter(({ envelopes }) => envelopes[0]!.id === 'id-1').length, 1, 'replies take two seconds')
  add('sum')
  table.flush(2050)
  reply(sent.at(-1)!, ok, 2100)
  table.sweep(2100)
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
