/** Calls that are broken off, calls that wait for ever, and brokers that are away. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { connect } from '../../../src/client/client.ts'
import { waitFor } from '../../e2e/support/wait.ts'
import { type Answer, fakeBroker } from './fake-broker.ts'

const ok: Answer = ({ data }) => ({ status: 'OK', value: data.value })

test('an aborted call rejects with the reason, at once, whenever that is; the others go on', async () => {
  const broker = await fakeBroker(({ data }) => (data.value === 'never' ? null : { status: 'OK', value: data.value }))
  const client = connect({ broker: broker.url })
  const reason = new Error('enough')
  const before = AbortSignal.abort(reason)
  await assert.rejects(client.call('double', { value: 1 }, { signal: before }), reason)
  const mine = new AbortController()
  const sameTurn = client.call('double', { value: 2 }, { signal: mine.signal })
  mine.abort(reason)
  await assert.rejects(sameTurn, reason)
  const later = new AbortController()
  const waiting = client.call('double', { value: 'never' }, { signal: later.signal, deadlineMs: Infinity })
  await waitFor(() => broker.bodies.length > 0, 'the request')
  assert.equal((await client.call('double', { value: 3 }, { signal: later.signal })).value, 3)
  assert.equal(getEventListeners(later.signal, 'abort').length, 1, 'one for those that wait')
  later.abort(reason)
  await assert.rejects(waiting, reason)
  assert.equal(getEventListeners(later.signal, 'abort').length, 0)
  const sent = broker.bodies.flat().map(({ data }) => data.value)
  assert.deepEqual([sent.includes(1), sent.includes(2), sent.includes('never')], [false, false, true])
  // Nothing waits, so closing takes no time.
  await client.close(60_000)
  broker.close()
})

test('closing is over as soon as the last call is broken off', async () => {
  const broker = await fakeBroker(() => null)
  const client = connect({ broker: broker.url })
  const mine = new AbortController()
  const waiting = Promise.allSettled(
    Array.from({ length: 50 }, (_, value) => client.call('double', { value }, { signal: mine.signal })),
  )
  const closed = client.close(60_000)
  mine.abort()
  await Promise.all([waiting, closed])
  broker.close()
})

test('a call may wait for ever, and a deadline must be a number', async () => {
  let silent = true
  const broker = await fakeBroker((envelope) => (silent ? null : ok(envelope)))
  const client = connect({ broker: broker.url })
  const waiting = client.call('double', { value: 7 }, { deadlineMs: Infinity })
  await waitFor(() => broker.bodies.length >= 3, 'the call to be sent a third time')
  silent = false
  assert.equal((await waiting).value, 7)
  for (const deadlineMs of [Number.NaN, -1, '5' as unknown as number])
    await assert.rejects(client.call('double', {}, { deadlineMs }), { code: 'bad_request' })
  await client.close()
  broker.close()
})

test('a dead broker in front is passed over, and taken again when the other falls silent', async () => {
  const first = await fakeBroker(ok)
  first.close()
  let silent = false
  const second = await fakeBroker((envelope) => (silent ? null : ok(envelope)))
  const client = connect({ broker: [first.url, second.url] })
  assert.equal((await client.call('double', { value: 1 })).value, 1)
  assert.equal(second.bodies.length, 1)
  const revived = await fakeBroker(ok, first.url)
  silent = true
  assert.equal((await client.call('double', { value: 2 })).value, 2)
  await waitFor(async () => {
    await client.call('double', { value: 3 })
    return revived.bodies.flat().some(({ data }) => data.value === 3)
  }, 'the first broker to be used again')
  await client.close()
  second.close()
  revived.close()
})

test('what is no endpoint is refused in one line that says what is', () => {
  for (const broker of ['localhost:5555', 'tcp://127.0.0.1', '', 7 as unknown as string])
    assert.throws(
      () => connect({ broker }),
      /^TypeError: broker must be an endpoint like tcp:\/\/127\.0\.0\.1:5555, got /,
    )
  assert.throws(() => connect({ broker: 'tcp://127.0.0.1:9', proxy: 'http://x' }), /^TypeError: proxy must be/)
})

test('a subscription that makes no sense is refused', async () => {
  const client = connect({ broker: 'tcp://127.0.0.1:9', proxy: 'tcp://127.0.0.1:9' })
  for (const from of [-1, 1.5, Number.NaN, 'first' as 'last', '3' as unknown as number])
    assert.throws(() => client.subscribe('samba', { from }), /^TypeError: from must be/)
  assert.throws(() => client.subscribe({} as { user: string }), /^TypeError: subscribe needs/)
  const ended = client.subscribe('samba', { signal: AbortSignal.abort() })
  await ended.ready
  for await (const _ of ended) assert.fail('it is over')
  await client.close()
  assert.throws(() => client.subscribe('samba'), /^TypeError: the client is closed/)
})
