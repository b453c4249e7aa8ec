/** Many readers of one feed: whatever their pace and wherever they begin, each gets everything behind its position once, in order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { Data, Subscription } from '../../../src/client/client.ts'
import { type Sink, streamEvents } from '../../../src/console/event-stream.ts'
import { createFeed, type Feed, type Open } from '../../../src/console/feeds.ts'

/** What was said, at positions that others share, and subscriptions to it as the client library has them. */
function createHistory() {
  const items: (Data & { n: number })[] = []
  const wake = new Set<() => void>()
  let position = 0
  let opened = 0
  const open: Open = (from) => {
    opened++
    let closed = false
    async function* read(): AsyncGenerator<Data> {
      let after = from
      while (!closed) {
        const next = items.find(({ n }) => n > after)
        if (next === undefined) await new Promise<void>((resolve) => wake.add(resolve))
        else {
          after = next.n
          yield next
        }
        await turn()
      }
    }
    const close = (): void => {
      closed = true
      for (const one of wake) one()
    }
    const subscription = { [Symbol.asyncIterator]: read, ready: Promise.resolve(), missed: 0, close }
    return subscription as unknown as Subscription
  }
  return {
    items,
    open,
    opened: () => opened,
    position: () => position,
    /** @param others how many positions others took before */
    say(size: number, others: number) {
      position += 1 + others
      items.push({ n: position, message: 'x'.repeat(size) })
      for (const one of wake) one()
      wake.clear()
    },
  }
}
type History = ReturnType<typeof createHistory>

/** Takes so many events between two pauses, and none in them. */
function createReader(history: History, feed: Feed, from: number, pace: number) {
  const ids: number[] = []
  const abort = new AbortController()
  let room = pace
  let drained = (): void => {}
  const sink: Sink = {
    write(text) {
      assert.match(text, /^id: \d+\ndata: \{.*\}\n\n$/)
      assert.ok(room > 0, 'nothing is written before there is room')
      ids.push(Number(/^id: (\d+)/.exec(text)![1]))
      return --room > 0
    },
    drained: (signal) =>
      new Promise((resolve) => {
        drained = (): void => {
          signal.removeEventListener('abort', drained)
          resolve()
        }
        signal.addEventListener('abort', drained)
      }),
  }
  const done = streamEvents(feed, history.open, from, sink, abort.signal)
  const drain = (): void => {
    room = pace
    drained()
  }
  return { ids, from, drain, end: () => abort.abort(), done }
}

/** So large that the feed keeps one or two of them. */
const LARGE = 130_000
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ say: fc.constantFrom(10, LARGE), others: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ drain: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ join: fc.double({ min: 0, max: 1, noNaN: true }), pace: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ turns: fc.integer({ min: 1, max: 20 }) }) },
)

test('every reader gets all that is behind its position, once, in order, whatever happens in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(20), fc.array(act, { maxLength: 100 }), async (before, acts) => {
      const history = createHistory()
      for (let i = 0; i < before; i++) history.say(10, i % 3)
      const failures: unknown[] = []
      const feed = createFeed({
        open: history.open,
        newest: async () => history.position(),
        onFailure: (error) => failures.push(error),
      })
      const readers = [createReader(history, feed, 0, 2)]
      for (const one of acts) {
        if ('say' in one) history.say(one.say, one.others)
        else if ('drain' in one) readers[one.drain % readers.length]!.drain()
        else if ('join' in one)
          readers.push(createReader(history, feed, Math.round(one.join * history.position()), one.pace))
        else for (let i = 0; i < one.turns; i++) await turn()
      }
      const expected = ({ from }: { from: number }) => history.items.map(({ n }) => n).filter((n) => n > from)
      const isDone = (): boolean => readers.every((reader) => reader.ids.length >= expected(reader).length)
      for (let i = 0; i < 5000 && !isDone(); i++) {
        for (const reader of readers) reader.drain()
        await turn()
      }
      for (const reader of readers) assert.deepEqual(reader.ids, expected(reader))
      for (const reader of readers) reader.end()
      await Promise.all(readers.map(({ done }) => done))
      feed.close()
      assert.deepEqual(failures, [])
    }),
    { numRuns: 150 },
  )
})

test('readers that keep up share one subscription', async () => {
  const history = createHistory()
  history.say(10, 0)
  const failures: unknown[] = []
  const feed = createFeed({
    open: history.open,
    newest: async () => history.position(),
    onFailure: (error) => failures.push(error),
  })
  await feed.begun
  const readers = Array.from({ length: 50 }, () => createReader(history, feed, history.position(), 1000))
  for (let i = 0; i < 100; i++) {
    history.say(10, 0)
    await turn()
  }
  while (readers.some(({ ids }) => ids.length < 100)) await turn()
  assert.equal(history.opened(), 1)
  assert.deepEqual(failures, [])
  for (const reader of readers) reader.end()
  await Promise.all(readers.map(({ done }) => done))
  feed.close()
})

test('a feed whose subscription ends by itself goes on where it was', async () => {
  const history = createHistory()
  let broken = true
  const open: Open = (from) => {
    if (!broken) return history.open(from)
    broken = false
    const failing = {
      async *[Symbol.asyncIterator]() {
        yield { n: 1, message: 'x' }
        throw new Error('no page of the history')
      },
      close() {},
    }
    return failing as unknown as Subscription
  }
  history.say(10, 0)
  history.say(10, 0)
  const failures: unknown[] = []
  const feed = createFeed({ open, newest: async () => 0, onFailure: (error) => failures.push(String(error)) })
  await feed.begun
  const reader = createReader(history, feed, 0, 1000)
  while (reader.ids.length < 2) await turn()
  assert.deepEqual(reader.ids, [1, 2])
  assert.deepEqual(failures, ['Error: no page of the history'])
  reader.end()
  await reader.done
  feed.close()
})

test('a feed that cannot subscribe, because its client is closed, says so and ends with its last reader', async () => {
  const failures: unknown[] = []
  const open: Open = () => {
    throw new TypeError('the client is closed')
  }
  const feed = createFeed({ open, newest: async () => 0, onFailure: (error) => failures.push(String(error)) })
  await feed.begun
  // It subscribes in the turn in which it has begun.
  await turn()
  assert.deepEqual(failures, ['TypeError: the client is closed'])
  feed.close()
})
