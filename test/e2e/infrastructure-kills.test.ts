/**
 * Broker, proxy and ref are killed with `kill -9` in turn while clients that retry under their ids publish; publishing
 * needs neither proxy nor ref, and subscribers get on where they were.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { prepareChat, retrying, startWriter } from './support/clients.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { assertSettled } from './support/history.ts'

const ROUNDS = 2
const LOOK_MS = 10

async function start(t: { after(undo: () => unknown): void }) {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const { brokerUrls: broker, proxyOutUrls: proxy } = cluster.config
  const client = connect({ broker, proxy })
  t.after(() => client.close(0))
  return { cluster, client, ask: retrying(client) }
}

/** Kills a process, and again as soon as it is started, until that is to end. @returns ends it; how often it was started */
function keepDown(cluster: Cluster, name: string): () => number {
  let killed: number | undefined
  const kill = (): void => {
    const pid = cluster.pid(name)
    if (pid === killed) return
    killed = pid
    cluster.kill(name)
  }
  kill()
  const timer = setInterval(kill, LOOK_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    kill()
    return cluster.starts(name)
  }
}

async function isGone(cluster: Cluster, name: string): Promise<void> {
  const pid = cluster.pid(name)
  await waitFor(() => !existsSync(`/proc/${pid}`), `${name} to be gone`)
}

test('clients that retry lose and double nothing while broker, proxy and ref are killed in turn', async (t) => {
  const { cluster, client, ask } = await start(t)
  const users = ['ana', 'rui', 'eva']
  await prepareChat(ask, 'samba', users)
  const second = connect({ broker: cluster.config.brokerUrls })
  t.after(() => second.close(0))
  const writers = [
    startWriter({ ask, user: 'ana', channel: 'samba' }),
    startWriter({ ask, user: 'rui', channel: 'samba', to: 'ana' }),
    startWriter({ ask: retrying(second), user: 'eva', channel: 'samba' }),
  ]
  const more = (count: number) => Promise.all(writers.map((writer) => writer.more(count)))
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['broker', 'proxy', 'ref']) {
      await more(20)
      const starts = cluster.starts(name)
      cluster.kill(name)
      await more(20)
      await cluster.back(name, starts)
      cluster.assertPrefixes()
    }
  }
  await more(20)
  for (const writer of writers) await writer.stop()
  const operations = writers.flatMap((writer) => writer.operations)
  assert.deepEqual(
    operations.filter(({ result }) => result !== 'ok'),
    [],
    'every request is answered OK',
  )
  const settledMs = await assertSettled(cluster, operations, users)
  const longest = Math.max(...writers.map((writer) => writer.longestWait()))
  t.diagnostic(`${operations.length} messages, longest wait ${longest} ms, files equal after ${settledMs} ms`)
  for (const server of ['server-1', 'server-2', 'server-3'])
    assert.equal(cluster.starts(server), 1, `${server} lived through it`)
  await client.close()
})

test('while the proxy is down publishes are answered OK, and subscribers go on when it is back', async (t) => {
  const { cluster, client, ask } = await start(t)
  await prepareChat(ask, 'samba', ['ana'])
  const received = new Set<unknown>()
  const subscription = client.subscribe('samba')
  void (async () => {
    for await (const { message } of subscription) received.add(message)
  })()
  await subscription.ready
  const writer = startWriter({ ask, user: 'ana', channel: 'samba' })
  await waitFor(() => received.size >= 10, '10 publications before')

  const letItStart = keepDown(cluster, 'proxy')
  await isGone(cluster, 'proxy')
  await writer.more(50)
  await cluster.back('proxy', letItStart())
  const last = writer.operations.at(-1)!.text
  await waitFor(() => [...received].some((text) => isAfter(text, last)), 'publications to arrive again')
  await writer.stop()
  assert.deepEqual(
    writer.operations.filter(({ result }) => result !== 'ok'),
    [],
  )
  await assertSettled(cluster, writer.operations, ['ana'])
})

test('while ref is down requests of every kind are answered', async (t) => {
  const { cluster, ask } = await start(t)
  await prepareChat(ask, 'samba', ['ana'])
  const letItStart = keepDown(cluster, 'ref')
  await isGone(cluster, 'ref')
  assert.equal((await ask('login', { user: 'rui' })).status, 'sucesso')
  assert.equal((await ask('channel', { channel: 'choro', user: 'rui' })).status, 'sucesso')
  assert.equal((await ask('channel', { channel: 'choro', user: 'rui' })).code, 'already_exists')
  assert.equal((await ask('publish', { user: 'rui', channel: 'choro', message: 'x' })).status, 'OK')
  assert.deepEqual((await ask('users', {})).users, ['ana', 'rui'])
  assert.deepEqual((await ask('channels', {})).channels, ['choro', 'samba'])
  await cluster.back('ref', letItStart())
  await assertSettled(cluster, [], [])
})

/** Whether a text of the writer comes after another of its. */
function isAfter(text: unknown, other: string): boolean {
  const number = (of: string): number => Number(of.split(' ').at(-1))
  return number(String(text)) > number(other)
}
