import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../../src/client/error.ts'
import { encode } from '../../../src/protocol/codec.ts'
import { start, unavailable } from './calls-harness.ts'

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
      // A batch is one message, so it has one clock.
      ['id-3', 2],
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

test('a page of history travels alone, since its reply may fill a frame; what is asked beside it does not', () => {
  const { table, sent, add } = start()
  for (let i = 0; i < 3; i++) add('history', { channel: 'samba' })
  for (let i = 0; i < 2; i++) add('publish')
  table.flush(0)
  assert.deepEqual(
    sent.map(({ array, envelopes }) => `${envelopes[0]!.service} ${envelopes.length} ${array}`),
    ['history 1 false', 'history 1 false', 'history 1 false', 'publish 2 true'],
  )
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

test('when a batch is refused as a whole each of its calls is asked alone, and only the wrong one fails', () => {
  const { table, sent, add, reply } = start()
  const outcomes = [add('sum'), add('sum', { wrong: true }), add('sum')]
  table.flush(0)
  const whole = { status: 'erro', code: 'bad_request', description: 'a text is not UTF-8', retriable: false }
  table.receive(0, sent[0]!.batch, encode({ service: '', data: whole }), 1)
  assert.deepEqual(
    outcomes.map(({ times }) => times),
    [0, 0, 0],
  )
  add('sum')
  table.sweep(50)
  assert.deepEqual(
    sent.slice(1).map(({ array, envelopes }) => [array, envelopes.map(({ id }) => id).join()]),
    [
      [false, 'id-1'],
      [false, 'id-2'],
      [false, 'id-3'],
      [false, 'id-4'],
    ],
  )
  for (const one of sent.slice(1)) reply(one, ({ data }) => (data.wrong === true ? whole : { status: 'OK' }), 60)
  assert.deepEqual(
    outcomes.map(({ data, error, times }) => [data?.status, error?.code, times]),
    [
      ['OK', undefined, 1],
      [undefined, 'bad_request', 1],
      ['OK', undefined, 1],
    ],
  )
  assert.equal(table.pending, 0)
})

test('a refusal of a whole batch that is retriable is every call’s', () => {
  const { table, sent, add } = start()
  const outcomes = [add('sum', {}, 10), add('sum', {}, 10)]
  table.flush(0)
  table.receive(0, sent[0]!.batch, encode({ service: '', data: unavailable() }), 1)
  for (const { error } of outcomes) assert.equal(error?.code, 'unavailable')
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
