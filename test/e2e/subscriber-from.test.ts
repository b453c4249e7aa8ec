/**
 * Subscribers with `from` while servers, proxy and broker are killed under load: every event once and in order, as the
 * public file has it, for one that stays, one that begins at `last`, one that comes back, and one of a user's messages.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, connect, type Data, type Subscription } from '../../src/client/client.ts'
import { prepareChat, retrying, startWriter } from './support/clients.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { assertSettled } from './support/history.ts'

type Item = Data & { n: number }
const ROUNDS = 2
const KILLED = ['server-1', 'proxy', 'server-2', 'broker', 'server-3']
/** Until a subscriber has caught up; the longest poll is four seconds. */
const CATCH_UP_MS = 60_000

/** Lines of a public file in the order of positions, as a subscriber should get them. */
function published(cluster: Cluster, log: 'publications' | 'messages', matches: (line: Data) => boolean): Item[] {
  const lines = linesOf(cluster.publicFiles(), 'server-1', `${log}.jsonl`).filter(matches)
  return lines.map(({ time, ...line }) => {
    const common = { ...line, timestamp: time } as Data as Item
    if (log === 'publications') return { type: 'publication', ...common }
    return { type: 'message', ...common, from: common.src, to: common.dst, user: common.src }
  })
}

/** Everything a subscription gives, as it comes. */
function collect(subscription: Subscription<Data>): { items: Item[]; done: Promise<void> } {
  const items: Item[] = []
  const read = async (): Promise<void> => {
    for await (const item of subscription) items.push(item as Item)
  }
  return { items, done: read() }
}

/** Reads a few, leaves, and comes back with another client where it was, again and again. */
async function comeAndGo(connectAgain: () => Client, items: Item[], signal: AbortSignal): Promise<number> {
  let visits = 0
  for (; !signal.aborted; visits++) {
    const client = connectAgain()
    let wanted = 25
    for await (const item of client.subscribe('samba', { from: items.at(-1)?.n ?? 0, signal })) {
      items.push(item)
      if (--wanted === 0) break
    }
    await client.close(0)
  }
  return visits
}

test('every event once and in order through kills of servers, proxy and broker', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const { brokerUrls: broker, proxyOutUrls: proxy } = cluster.config
  const open = (): Client => {
    const client = connect({ broker, proxy })
    t.after(() => client.close(0))
    return client
  }
  const [writing, reading] = [open(), open()]
  const ask = retrying(writing)
  const users = ['ana', 'rui', 'eva']
  await prepareChat(ask, 'samba', users)
  await prepareChat(ask, 'sambaqui', users)
  const first = startWriter({ ask, user: 'ana', channel: 'samba' })
  await first.more(20)

  const all = collect(reading.subscribe('samba', { from: 0 }))
  const direct = collect(reading.subscribe({ user: 'ana' }, { from: 0 }))
  const latest = reading.subscribe('samba', { from: 'last' })
  await latest.ready
  const begun = first.operations.length
  const tail = collect(latest)
  const leave = new AbortController()
  const visitor: Item[] = []
  const visits = comeAndGo(open, visitor, leave.signal)
  const writers = [
    first,
    startWriter({ ask: retrying(open()), user: 'rui', channel: 'samba' }),
    startWriter({ ask: retrying(open()), user: 'eva', channel: 'samba', to: 'ana' }),
    startWriter({ ask: retrying(open()), user: 'eva', channel: 'sambaqui', orderedWith: 'eva elsewhere' }),
  ]
  const more = (count: number) => Promise.all(writers.map((writer) => writer.more(count)))
  for (let round = 0; round < ROUNDS; round++)
    for (const name of KILLED) {
      const starts = cluster.starts(name)
      cluster.kill(name)
      await more(15)
      await cluster.back(name, starts)
      await more(5)
    }
  for (const writer of writers) await writer.stop()
  const operations = writers.flatMap((writer) => writer.operations)
  await assertSettled(cluster, [], [])

  const lines = published(cluster, 'publications', ({ channel }) => channel === 'samba')
  const messages = published(cluster, 'messages', ({ dst }) => dst === 'ana')
  const sizes = (): string => `${[all, tail, direct].map(({ items }) => items.length)}, ${visitor.length}`
  const hasNewest = (items: readonly Item[]): boolean => items.at(-1)?.n === lines.at(-1)!.n
  await waitFor(
    () => [all.items, visitor, tail.items].every(hasNewest) && direct.items.length >= messages.length,
    () => `${lines.length} publications and ${messages.length} messages; read: ${sizes()}`,
    CATCH_UP_MS,
  )
  leave.abort()
  t.diagnostic(`${operations.length} operations, ${sizes()} read, ${await visits} visits`)
  assert.deepEqual(all.items, lines, 'the one that stayed')
  assert.deepEqual(visitor, lines, 'the one that came back')
  assert.deepEqual(direct.items, messages, 'the messages')
  assert.ok(tail.items.length > 0)
  assert.deepEqual(tail.items, lines.slice(-tail.items.length), 'the one that began at the last')
  // What was asked for after it was ready is all there; one request was under way.
  const after = first.operations.slice(begun + 1).map(({ text }) => text)
  const heard = new Set(tail.items.map(({ message }) => message))
  assert.deepEqual(
    after.filter((text) => !heard.has(text)),
    [],
  )
  await reading.close()
  await Promise.all([all.done, tail.done, direct.done])
})
