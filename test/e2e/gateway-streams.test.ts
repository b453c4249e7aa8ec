/**
 * Server-sent events through kills: a reader that is cut off and comes back misses nothing and gets nothing twice, whoever
 * died meanwhile; and a reader that takes nothing costs nothing.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Client, connect } from '../../src/client/client.ts'
import { HTTP_LIMITS } from '../../src/console/limits.ts'
import { prepareChat, retrying, startWriter } from './support/clients.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { type EventReader, type Received, readEvents } from './support/events.ts'
import { peakOf } from './support/memory.ts'

let cluster: Cluster
let client: Client
let base: string
before(async () => {
  cluster = await startCluster()
  await cluster.ready
  client = connect({ broker: cluster.config.brokerUrls })
  base = `http://127.0.0.1:${cluster.config.httpPort}`
  await prepareChat(retrying(client), 'samba', ['ana', 'rui', 'eva'])
  await retrying(client)('channel', { channel: 'large' })
})
after(async () => {
  await client?.close(0)
  await cluster?.stop()
})

type Line = { n: number; user?: string; channel?: string; src?: string; dst?: string; message: string }
const inFile = (log: string, matches: (line: Line) => boolean): Line[] =>
  (linesOf(cluster.publicFiles(), 'server-1', `${log}.jsonl`) as unknown as Line[]).filter(matches)
const brief = ({ n, message }: { n: number; message: unknown }): string => `${n} ${message}`
const got = ({ received }: EventReader): string[] =>
  received.map(({ id, data }: Received) => {
    assert.equal(id, data.n, 'the id of an event is its position')
    return brief({ n: id, message: data.message })
  })

test('readers that are cut off and come back miss and repeat nothing, while everything is killed', async (t) => {
  const ask = retrying(client)
  const writers = [
    startWriter({ ask, user: 'ana', channel: 'samba' }),
    startWriter({ ask, user: 'rui', channel: 'samba' }),
    startWriter({ ask, user: 'eva', channel: 'samba', to: 'ana' }),
  ]
  const more = (count: number) => Promise.all(writers.map((writer) => writer.more(count)))
  await more(5)
  const fromStart = readEvents(`${base}/events?channel=samba&from=0`)
  const fromNow = [readEvents(`${base}/events?channel=samba`), readEvents(`${base}/events?channel=samba&from=last`)]
  const direct = readEvents(`${base}/events?user=ana&from=0`)
  const readers = [fromStart, ...fromNow, direct]
  t.after(() => {
    for (const reader of readers) reader.close()
  })
  await waitFor(() => readers.every(({ received }) => received.length > 0), 'events to come')

  for (const name of ['server-2', 'proxy', 'broker', 'console', 'console']) {
    const starts = cluster.starts(name)
    cluster.kill(name)
    await more(10)
    for (const reader of readers) reader.cut()
    const before = readers.map((reader) => reader.connections())
    await cluster.back(name, starts)
    await more(10)
    await waitFor(() => readers.every((reader, i) => reader.connections() > before[i]!), 'all readers to be back')
    for (const reader of readers) reader.cut()
  }
  for (const writer of writers) await writer.stop()

  const said = (): Line[] => inFile('publications', ({ channel }) => channel === 'samba')
  const told = (): Line[] => inFile('messages', ({ dst }) => dst === 'ana')
  const last = writers.map(({ operations }) => operations.at(-1)!.text)
  await waitFor(() => last.every((text) => [...said(), ...told()].some(({ message }) => message === text)), 'the files')
  const complete = (): boolean =>
    [fromStart, ...fromNow].every((reader) => reader.received.at(-1)?.id === said().at(-1)!.n) &&
    direct.received.at(-1)?.id === told().at(-1)!.n
  await waitFor(complete, () => `the last events; have ${readers.map(({ received }) => received.at(-1)?.id)}`)
  assert.deepEqual(got(fromStart), said().map(brief), 'everything, in order, each once')
  assert.deepEqual(got(direct), told().map(brief))
  for (const reader of fromNow) {
    const first = reader.received[0]!.id
    assert.deepEqual(
      got(reader),
      said()
        .filter(({ n }) => n >= first)
        .map(brief),
      'from its first event on',
    )
  }
  for (const reader of readers) assert.ok(reader.connections() >= 6, `${reader.connections()} connections`)
  t.diagnostic(`${said().length} publications, connections ${readers.map((reader) => reader.connections())}`)
})

test('readers that take nothing cost the gateway nothing, get everything in the end, and keep nobody waiting', async (t) => {
  const COUNT = 400
  const BYTES = 48_000
  const READERS = 30
  const text = (number: number): string => `${number} ${'x'.repeat(BYTES)}`
  const slow = Array.from({ length: READERS }, () => readEvents(`${base}/events?channel=large&from=0`))
  const quick = readEvents(`${base}/events?channel=large&from=0`)
  t.after(() => {
    for (const reader of [...slow, quick]) reader.close()
  })
  await waitFor(() => [...slow, quick].every((reader) => reader.connections() > 0), 'all to be connected')
  for (const reader of slow) reader.pause()
  const pid = cluster.pid('console')!
  const publish = (number: number) =>
    retrying(client)('publish', { user: 'ana', channel: 'large', message: text(number) })
  for (let number = 0; number < COUNT; number += 10)
    await Promise.all(Array.from({ length: 10 }, (_, i) => publish(number + i)))
  await waitFor(
    () => quick.received.length >= COUNT,
    () => `the quick reader to have all, has ${quick.received.length}`,
  )
  const total = Math.round((COUNT * BYTES) / 2 ** 20)
  const peak = peakOf(pid)
  t.diagnostic(`${total} MiB for each of ${READERS} readers; the gateway had at most ${peak} MiB`)
  // Kept for all of them it would be more than half a gigabyte.
  assert.ok(peak < 330, `${peak} MiB`)
  assert.equal(cluster.pid('console'), pid, 'it lived through it')

  const [one] = slow
  one!.resume()
  await waitFor(
    () => one!.received.length >= COUNT,
    () => `the slow reader to have all, has ${one!.received.length}`,
  )
  const all = inFile('publications', ({ channel }) => channel === 'large').map(brief)
  assert.deepEqual(got(one!), all)
  assert.deepEqual(got(quick), all)
})

test('so many streams and no more; who leaves makes room at once', async () => {
  const open = (): Promise<{ status: number; abort: AbortController }> => {
    const abort = new AbortController()
    return fetch(`${base}/events?channel=samba`, { signal: abort.signal }).then(({ status }) => ({ status, abort }))
  }
  const streams = await Promise.all(Array.from({ length: HTTP_LIMITS.streams }, open))
  assert.deepEqual(new Set(streams.map(({ status }) => status)), new Set([200]))
  const refused = await fetch(`${base}/events?channel=samba`)
  assert.equal(refused.status, 503)
  assert.deepEqual(await refused.json(), { error: `there are ${HTTP_LIMITS.streams} event streams already` })
  for (const { abort } of streams) abort.abort()
  const next = await waitFor(async () => {
    const one = await open()
    return one.status === 200 ? one : null
  }, 'room for another')
  next.abort.abort()
})
