/** Two of three servers are stopped: writes are refused as `unavailable`, never OK; with one back, all works again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, connect } from '../../src/client/client.ts'
import { plainClient, prepareChat, startWriter } from './support/clients.ts'
import { startCluster, waitFor } from './support/cluster.ts'
import { assertSettled, type Operation } from './support/history.ts'

/** A server gives up after 5 s from the last time it was asked, the broker after 10 s, and a client after 15 s. */
const ANSWER_LIMIT_MS = 15_000
const CLIENTS = 4

test('without a quorum a publish is answered `unavailable`, never OK, and happens once or not at all', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const broker = cluster.config.brokerUrls[0]!
  const clients = Array.from({ length: CLIENTS }, () => plainClient(broker))
  for (const { close } of clients) t.after(close)
  const [first] = clients as [(typeof clients)[0]]
  const users = clients.map((_, index) => `user${index + 1}`)
  await prepareChat(first.ask, 'samba', users)

  // These publish all the time, the stop included.
  const writers = clients.map(({ ask }, index) => startWriter({ ask, user: users[index]!, channel: 'samba' }))
  await Promise.all(writers.map((writer) => writer.more(20)))
  for (const server of ['server-2', 'server-3']) cluster.kill(server, 'SIGSTOP')
  await waitFor(
    () => writers.every(({ operations }) => operations.at(-1)!.result === 'unknown'),
    'everybody to be refused',
    60_000,
  )
  const stoppedAt = performance.now()
  const isRefused = ({ invokedAt, answeredAt }: Operation): boolean => invokedAt > stoppedAt && answeredAt !== null
  const refusals = (): number[] => writers.map(({ operations }) => operations.filter(isRefused).length)
  await waitFor(
    () => refusals().every((count) => count >= 2),
    () => `more refusals, there are ${refusals()}`,
    60_000,
  )
  for (const { operations, longestWait } of writers) {
    const during = operations.filter(isRefused)
    assert.deepEqual(
      during.filter(({ result }) => result === 'ok'),
      [],
      'never OK',
    )
    assert.ok(
      during.every(({ error }) => error.startsWith('unavailable: ')),
      JSON.stringify(during.at(-1)),
    )
    assert.ok(longestWait() < ANSWER_LIMIT_MS, `an answer took ${longestWait()} ms`)
  }
  const reader = plainClient(broker)
  t.after(reader.close)
  const read = await reader.ask('channels', {})
  assert.deepEqual([read.channels, read.stale], [['samba'], true], 'a read is answered from what is there, and says so')
  t.diagnostic(`longest wait ${Math.max(...writers.map((writer) => writer.longestWait()))} ms`)

  cluster.kill('server-2', 'SIGCONT')
  await Promise.all(writers.map((writer) => writer.more(20)))
  cluster.kill('server-3', 'SIGCONT')
  await Promise.all(writers.map((writer) => writer.more(20)))
  for (const writer of writers) await writer.stop()
  const operations = writers.flatMap((writer) => writer.operations)
  const unknown = operations.filter(({ result }) => result === 'unknown').length
  const settledMs = await assertSettled(cluster, operations, users)
  t.diagnostic(`${operations.length} messages, ${unknown} unavailable, files equal after ${settledMs} ms`)
})

test('a client that retries hears `unavailable` at its deadline; the same id, later, settles it', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const client = connect({ broker: cluster.config.brokerUrls })
  t.after(() => client.close(0))
  await client.call('channel', { channel: 'samba' })
  await client.call('login', { user: 'ana' })
  for (const server of ['server-1', 'server-2']) cluster.kill(server, 'SIGSTOP')
  const publish = { user: 'ana', channel: 'samba', message: 'with an id' }
  const failure = await client.call('publish', publish, { id: 'once', deadlineMs: 8000 }).catch((error) => error)
  assert.ok(failure instanceof CallError, JSON.stringify(failure))
  assert.ok(['unavailable', 'timeout'].includes(failure.code), String(failure))
  for (const server of ['server-1', 'server-2']) cluster.kill(server, 'SIGCONT')
  assert.equal((await client.call('publish', publish, { id: 'once', deadlineMs: 60_000 })).status, 'OK')
  assert.equal((await client.call('publish', publish, { id: 'once' })).status, 'OK')
  const [invokedAt, answeredAt] = [0, 0]
  const once: Operation = { client: 'ana', text: 'with an id', invokedAt, answeredAt, result: 'ok', error: '' }
  await assertSettled(cluster, [once], ['ana'])
})
