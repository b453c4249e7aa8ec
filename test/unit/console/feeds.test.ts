/** Many readers of one feed: whatever their pace and wherever they begin, each gets everything behind its position once, in order. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { Data, Subscription } from '../../../src/client/client.ts'
import type { Page } from '../../../src/client/pages.ts'
import { onAbort } from '../../../src/client/waiting.ts'
import { type Sink, streamEvents } from '../../../src/console/event-stream.ts'
import { createFeed, type Feed, type Open } from '../../../src/console/feeds.ts'
import { createTurns, type Turns } from '../../../src/console/turns.ts'

const PAGE_ITEMS = 3

/** What was said, at positions that others share, and subscriptions to it as the client library has them. */
function createHistory() {
  const items: (Data & { n: number })[] = []
  const wake = new Set<() => void>()
  let position = 0
  let opened = 0
  let pages = 0
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
    /** Full pages, and a last one that says how far it looked; now and then by a server that knows of nothing yet. */
    async read(after: number): Promise<Page> {
      await turn()
      if (++pages % 5 === 0) return { items: [], upTo: after, more: false, stale: true }
      const behind = items.filter(({ n }) => n > after)
      const page = behind.slice(0, PAGE_ITEMS)
      const more = behind.length > page.length
      return { items: page, upTo: more ? page.at(-1)!.n : Math.max(after, position), more, stale: false }
    },
    ids: () => items.map(({ n }) => n),
    opened: () => opened,
    /** How many were read. */
    pages: () => pages,
    position: () => position,
    others(count: number) {
      position += count
    },
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
function createReader(history: History, feed: Feed, from: number, pace: number, turns: Turns = createTurns(2)) {
  const ids: number[] = []
  const abort = new AbortController()
  let room = pace
  let waiting: (() => void)[] = []
  const sink: Sink = {
    write(text) {
      assert.match(text, /^id: \d+\ndata: \{.*\}\n\n$/)
      assert.ok(room > 0, 'nothing is written before there is room')
      ids.push(Number(/^id: (\d+)/.exec(text)![1]))
      return --room > 0
    },
    drained: (signal) =>
      new Promise((resolve) => {
        if (room > 0) return resolve()
        const forget = onAbort(signal, resolve)
        waiting.push(() => {
          forget()
          resolve()
        })
      }),
  }
  const done = streamEvents({ feed, turns, read: history.read }, from, sink, abort.signal)
  const drain = (): void => {
    room = pace
    for (const go of waiting) go()
    waiting = []
  }
  return { ids, from, drain, end: () => abort.abort(), done }
}

/** Time that passes with the turns of the event loop. */
function fastTime(t: TestContext): () => Promise<void> {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return async () => {
    t.mock.timers.tick(20)
    await turn()
  }
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

test('every reader gets all that is behind its position, once, in order, whatever happens in between', async (t) => {
  const pass = fastTime(t)
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
      const turns = createTurns(2)
      const readers = [createReader(history, feed, 0, 2, turns)]
      for (const one of acts) {
        if ('say' in one) history.say(one.say, one.others)
        else if ('drain' in one) readers[one.drain % readers.length]!.drain()
        else if ('join' in one)
          readers.push(createReader(history, feed, Math.round(one.join * history.position()), one.pace, turns))
        else for (let i = 0; i < one.turns; i++) await pass()
      }
      const expected = ({ from }: { from: number }) => history.items.map(({ n }) => n).filter((n) => n > from)
      const isDone = (): boolean => readers.every((reader) => reader.ids.length >= expected(reader).length)
      for (let i = 0; i < 5000 && !isDone(); i++) {
        for (const reader of readers) reader.drain()
        await pass()
      }
      for (const reader of readers) assert.deepEqual(reader.ids, expected(reader))
      for (const reader of readers) reader.end()
      await Promise.all(readers.map(({ done }) => done))
      assert.equal(turns.taken, 0)
      feed.close()
      assert.deepEqual(failures, [])
    }),
    { numRuns: 150 },
  )
})

/** A feed that has begun behind all that was said, and keeps none of it. */
async function createLateFeed(history: History): Promise<Feed> {
  const feed = createFeed({
    open: history.open,
    newest: async () => history.position(),
    onFailure: (error) => assert.fail(String(error)),
  })
  await feed.begun
  return feed
}

test('who joins a feed has read pages until then, and goes on without a subscription of its own', async () => {
  const history = createHistory()
  for (let i = 0; i < 10; i++) history.say(10, i % 3)
  // Of the last positions nothing is in the channel.
  history.others(5)
  const feed = await createLateFeed(history)
  const turns = createTurns(1)
  const reader = createReader(history, feed, 0, 1000, turns)
  while (reader.ids.length < 10 || turns.taken > 0) await turn()
  const pages = history.pages()
  for (let i = 0; i < 10; i++) {
    history.say(10, i % 3)
    await turn()
  }
  while (reader.ids.length < 20) await turn()
  assert.deepEqual(reader.ids, history.ids())
  assert.equal(history.pages(), pages, 'what the feed has is not read again')
  assert.equal(history.opened(), 1)
  reader.end()
  await reader.done
  feed.close()
})

test('readers that take nothing keep no turn: one that comes behind them gets everything, and so do they in the end', async (t) => {
  const pass = fastTime(t)
  const history = createHistory()
  for (let i = 0; i < 20; i++) history.say(10, 0)
  const feed = await createLateFeed(history)
  const turns = createTurns(2)
  const mute = Array.from({ length: 9 }, () => createReader(history, feed, 0, 2, turns))
  const eager = createReader(history, feed, 0, 1000, turns)
  const isOver = async (until: () => boolean): Promise<void> => {
    for (let i = 0; !until(); i++) {
      assert.ok(i < 5000, `it hangs: ${eager.ids.length} events, ${turns.taken} turns taken`)
      await pass()
    }
  }
  await isOver(() => eager.ids.length === 20 && turns.taken === 0)
  assert.deepEqual(eager.ids, history.ids())
  const pages = history.pages()
  for (let i = 0; i < 200; i++) await pass()
  assert.equal(history.pages(), pages, 'nothing is read for who takes nothing')
  for (const { ids } of mute) assert.deepEqual(ids, [1, 2])
  await isOver(() => {
    for (const { drain } of mute) drain()
    return mute.every(({ ids }) => ids.length === 20)
  })
  for (const { ids } of mute) assert.deepEqual(ids, history.ids())
  for (const { end } of mute) end()
  eager.end()
  await Promise.all([eager, ...mute].map(({ done }) => done))
  feed.close()
})

test('a reader that goes away while it waits for a turn, or has one, leaves it to the others', async () => {
  const history = createHistory()
  for (let i = 0; i < 10; i++) history.say(10, 0)
  const feed = await createLateFeed(history)
  const turns = createTurns(1)
  const [holder, waiter, last] = [2, 1000, 1000].map((pace) => createReader(history, feed, 0, pace, turns))
  while (holder!.ids.length < 2) await turn()
  waiter!.end()
  await waiter!.done
  assert.deepEqual(waiter!.ids, [])
  assert.equal(turns.taken, 1, 'the first still has it')
  holder!.end()
  await holder!.done
  while (last!.ids.length < 10) await turn()
  assert.deepEqual(last!.ids, history.ids())
  last!.end()
  await last!.done
  assert.equal(turns.taken, 0)
  feed.close()
})

test('a history that is refused for good ends the stream with the reason, and the turn', async () => {
  const history = createHistory()
  history.say(10, 0)
  const feed = await createLateFeed(history)
  const turns = createTurns(1)
  const refusal = new Error('unknown channel')
  const source = { feed, turns, read: () => Promise.reject(refusal) }
  const sink = { write: () => true, drained: async () => {} }
  const end = new AbortController()
  await assert.rejects(streamEvents(source, 0, sink, end.signal), refusal)
  assert.equal(turns.taken, 0)
  feed.close()
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
