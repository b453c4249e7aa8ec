/** Subscriptions with `from`, against a history whose every answer a test decides. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { CallError } from '../../../src/client/error.ts'
import { type OrderedContext, subscribeOrdered } from '../../../src/client/ordered.ts'
import type { Item } from '../../../src/client/pages.ts'
import { endedBy } from '../../../src/client/waiting.ts'
import type { Data } from '../../../src/protocol/envelope.ts'

/** How one answer comes out: how much of the order that server knows, how large its page is, or no answer. */
type Fate = { behind: number; size: number; silent: boolean; ringBefore: boolean }
const GOOD: Fate = { behind: 0, size: 1000, silent: false, ringBefore: false }

/** A history of events of which `isOurs` are in the channel, at positions 1, 2, 3 …, and what was asked of it. */
function fakeHistory(isOurs: (n: number) => boolean, fates: readonly Fate[] = [GOOD]) {
  const asked: Data[] = []
  const bells = new Map<AbortSignal, () => void>()
  let newest = 0
  const ring = (): void => {
    for (const bell of bells.values()) bell()
  }
  const context: OrderedContext = {
    async ask(data, signal) {
      const fate = fates[asked.push(data) % fates.length]!
      await new Promise((resolve) => setImmediate(resolve))
      if (fate.ringBefore) ring()
      signal.throwIfAborted()
      if (fate.silent) throw new CallError('timeout', 'no reply', true)
      return page(data, Math.max(0, newest - fate.behind), fate.size, fate.behind > 0)
    },
    listen(_, signal, heard) {
      bells.set(signal, heard)
      signal.addEventListener('abort', () => bells.delete(signal))
    },
    complain: () => {},
  }
  function page(data: Data, position: number, size: number, stale: boolean): Data {
    const after = data.after as number | undefined
    const items: Item[] = []
    if (after === undefined) {
      const ours = range(1, position).filter(isOurs).at(-1)
      if (ours !== undefined) items.push({ n: ours })
      return { items, next: ours ?? null, position, ...(stale && { stale }) }
    }
    for (let n = after + 1; n <= position; n++) {
      if (!isOurs(n)) continue
      if (items.length === Math.min(size, data.limit as number)) return { items, next: items.at(-1)!.n, position }
      items.push({ n, message: `event ${n}` })
    }
    return { items, next: null, position, ...(stale && { stale }) }
  }
  return {
    ...{ context, asked, bells },
    publish(count: number) {
      newest += count
      ring()
    },
  }
}

const positions = (items: readonly Data[]): unknown[] => items.map(({ n }) => n)
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Time that passes as fast as the code waits for it. */
function fastTime(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return async (until: () => boolean): Promise<void> => {
    for (let turn = 0; !until(); turn++) {
      assert.ok(turn < 10_000, 'it hangs')
      await new Promise((resolve) => setImmediate(resolve))
      t.mock.timers.tick(1000)
    }
  }
}

test('whichever servers answer, behind, stale or not at all, every item comes once and in order', async (t) => {
  const pass = fastTime(t)
  const fate = fc.record({
    behind: fc.nat(12),
    size: fc.integer({ min: 1, max: 5 }),
    silent: fc.boolean(),
    ringBefore: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 12 }),
      fc.array(fc.nat(9), { minLength: 1, maxLength: 12 }),
      fc.nat(30),
      fc.integer({ min: 1, max: 4 }),
      async (fates, bursts, from, share) => {
        // Some answer is good, or there would be no end.
        const history = fakeHistory((n) => n % share === 0, [...fates, GOOD])
        const ended = endedBy()
        const items: Item[] = []
        let over = false
        const reading = (async () => {
          for await (const item of subscribeOrdered(history.context, 'samba', from, ended)) items.push(item)
          over = true
        })()
        let last = 0
        for (const burst of bursts) {
          history.publish(burst)
          last += burst
          await new Promise((resolve) => setImmediate(resolve))
        }
        const expected = range(from + 1, Math.max(from, last)).filter((n) => n % share === 0)
        await pass(() => items.length >= expected.length)
        ended.abort()
        await pass(() => over)
        await reading
        assert.deepEqual(positions(items), expected)
      },
    ),
    // A hang is found as such, and shrinking would hang again and again.
    { numRuns: 200, endOnFailure: true },
  )
})

test('nobody reads on before what is there has been read', async () => {
  const history = fakeHistory(() => true, [{ ...GOOD, size: 10 }])
  history.publish(1000)
  const subscription = subscribeOrdered(history.context, 'samba', 0, endedBy())
  await subscription.ready
  const iterator = subscription[Symbol.asyncIterator]()
  for (let n = 1; n <= 10; n++) {
    assert.equal((await iterator.next()).value.n, n)
    for (let i = 0; i < 20; i++) history.publish(10)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(history.asked.length, 1)
  }
  assert.equal((await iterator.next()).value.n, 11)
  assert.deepEqual(history.asked, [
    { channel: 'samba', after: 0, limit: 1000 },
    { channel: 'samba', after: 10, limit: 1000 },
  ])
  await iterator.return!()
  assert.equal(history.bells.size, 0)
})

test('a channel in which nothing happens is not searched again from its last message', async (t) => {
  const pass = fastTime(t)
  const history = fakeHistory((n) => n === 3)
  history.publish(500)
  const ended = endedBy()
  const items: Item[] = []
  const reading = (async () => {
    for await (const item of subscribeOrdered(history.context, 'samba', 0, ended)) items.push(item)
  })()
  await pass(() => history.asked.length > 3)
  assert.deepEqual(positions(items), [3])
  assert.ok(history.asked.slice(1).every(({ after }) => after === 500))
  ended.abort()
  await reading
})

test('from the last: what was there is left out, and only an exact answer says what was there', async (t) => {
  const pass = fastTime(t)
  const history = fakeHistory(
    () => true,
    [{ ...GOOD, behind: 30 }, { ...GOOD, silent: true }, { ...GOOD, behind: 2 }, GOOD],
  )
  history.publish(50)
  const subscription = subscribeOrdered(history.context, 'samba', 'last', endedBy())
  let ready = false
  void subscription.ready.then(() => {
    ready = true
  })
  await pass(() => ready)
  history.publish(3)
  const items: Item[] = []
  void (async () => {
    for await (const item of subscription) items.push(item)
  })()
  await pass(() => items.length === 3)
  assert.deepEqual(positions(items), [51, 52, 53])
  subscription.close()
})

test('a user hears what others wrote, in the form of live publications', async () => {
  const written = [
    { n: 4, src: 'ana', dst: 'rui', message: 'oi' },
    { n: 6, src: 'rui', dst: 'ana', message: 'oi, ana' },
    { n: 9, src: 'ana', dst: 'ana', message: 'a note' },
  ]
  const ask = async (data: Data) => ({ items: written.filter(({ n }) => n > (data.after as number)), next: null })
  const context: OrderedContext = { ask, listen: () => {}, complain: () => {} }
  const subscription = subscribeOrdered(context, { user: 'ana' }, 4, endedBy())
  const iterator = subscription[Symbol.asyncIterator]()
  const got = [(await iterator.next()).value, (await iterator.next()).value]
  const form = { type: 'message', to: 'ana' }
  assert.deepEqual(got, [
    { ...form, n: 6, src: 'rui', dst: 'ana', from: 'rui', user: 'rui', message: 'oi, ana' },
    { ...form, n: 9, src: 'ana', dst: 'ana', from: 'ana', user: 'ana', message: 'a note' },
  ])
  subscription.close()
  assert.equal((await iterator.next()).done, true)
})

test('what is refused for good is told to whoever waits or reads, and nothing is left', async () => {
  const replies: (() => Data)[] = [
    () => {
      throw new CallError('unknown_channel', 'there is no channel "x"', false)
    },
    () => ({ status: 'OK' }),
    () => ({ items: [{ n: '1' }], next: null }),
  ]
  for (const reply of replies) {
    const context: OrderedContext = { ask: async () => reply(), listen: () => {}, complain: () => {} }
    const ended = endedBy()
    const subscription = subscribeOrdered(context, 'x', 0, ended)
    await assert.rejects(subscription.ready, CallError)
    assert.ok(ended.signal.aborted)
    const iterator = subscription[Symbol.asyncIterator]()
    await assert.rejects(iterator.next(), CallError)
    assert.equal((await iterator.next()).done, true)
  }
})

test('it ends whenever it is aborted, quietly, and leaves nothing on the signal', async () => {
  for (const publishes of [0, 5]) {
    for (let turns = 0; turns < 8; turns++) {
      const history = fakeHistory(() => true)
      history.publish(publishes)
      const mine = new AbortController()
      const subscription = subscribeOrdered(history.context, 'samba', 0, endedBy(mine.signal))
      const items: Item[] = []
      const reading = (async () => {
        for await (const item of subscription) items.push(item)
      })()
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      mine.abort(new Error('enough'))
      await Promise.all([reading, subscription.ready])
      assert.deepEqual(positions(items), range(1, publishes).slice(0, items.length))
      assert.equal(history.bells.size, 0)
      const asked = history.asked.length
      history.publish(1)
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(history.asked.length, asked)
    }
  }
  const mine = new AbortController()
  for (let i = 0; i < 50; i++) {
    const subscription = subscribeOrdered(fakeHistory(() => true).context, 'samba', 0, endedBy(mine.signal))
    await subscription.ready
    subscription.close()
  }
  assert.equal(getEventListeners(mine.signal, 'abort').length, 0)
})
