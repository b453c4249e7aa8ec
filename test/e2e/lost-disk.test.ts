/** A server whose data directory is deleted comes back, copies, and has the same files as the others again. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { prepareChat, retrying, startWriter } from './support/clients.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { assertOrder, assertSettled } from './support/history.ts'

const BOT_RATE = '20'

test('deleted while the cluster is down: bots chat on, and it gets everything again', async (t) => {
  let cluster = await startCluster({ bots: 2, env: { BOT_RATE } })
  const { dataDir, portOffset } = cluster
  t.after(async () => {
    await cluster.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await cluster.ready
  await waitFor(() => publications(cluster, 'server-1') >= 100, '100 publications')
  await cluster.stop({ keepData: true })
  const before = cluster.publicFiles()

  rmSync(join(dataDir, 'server-2'), { recursive: true })
  cluster = await startCluster({ dataDir, portOffset, bots: 2, env: { BOT_RATE } })
  await cluster.ready
  const goal = linesOf(before, 'server-1', 'publications.jsonl').length + 50
  await waitFor(
    () => publications(cluster, 'server-2') >= goal,
    () => `${goal} publications at server-2`,
  )
  const copied = cluster.publicFiles()['server-2']!
  for (const [name, bytes] of Object.entries(before['server-1']!))
    assert.ok(copied[name]!.subarray(0, bytes.length).equals(bytes), `${name} begins as it did before`)
  await cluster.stop({ keepData: true })
  for (const server of ['server-1', 'server-2', 'server-3']) assertOrder(cluster.publicFiles(), server)
  await assertSettled(cluster, [], [])
})

test('deleted while the others go on, of a server that was away for a while', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const client = connect({ broker: cluster.config.brokerUrls })
  t.after(() => client.close(0))
  const ask = retrying(client)
  await prepareChat(ask, 'samba', ['ana'])
  const writer = startWriter({ ask, user: 'ana', channel: 'samba' })
  await writer.more(100)

  // Away until the others have gone on without it: stopped servers are left out of the view.
  cluster.kill('server-3', 'SIGSTOP')
  const length = publications(cluster, 'server-3')
  await waitFor(() => publications(cluster, 'server-1') > length + 100, 'the others to go on without server-3')
  const starts = cluster.starts('server-3')
  const pid = cluster.pid('server-3')!
  cluster.kill('server-3')
  await waitFor(() => !existsSync(`/proc/${pid}`), 'server-3 to be gone')
  rmSync(join(cluster.dataDir, 'server-3'), { recursive: true })

  await cluster.back('server-3', starts)
  await writer.more(50)
  await writer.stop()
  await assertSettled(cluster, writer.operations, ['ana'])
  assert.deepEqual(
    writer.operations.filter(({ result }) => result !== 'ok'),
    [],
  )
  assert.ok(
    readdirSync(cluster.dataDir).filter((name) => name.startsWith('server-')).length === 3,
    'same rank as before',
  )
})

test('each in turn: what is copied can be copied on', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const client = connect({ broker: cluster.config.brokerUrls })
  t.after(() => client.close(0))
  const ask = retrying(client)
  await prepareChat(ask, 'samba', ['ana'])
  const writer = startWriter({ ask, user: 'ana', channel: 'samba' })
  for (const server of ['server-1', 'server-2', 'server-3']) {
    await writer.more(50)
    const starts = cluster.starts(server)
    const pid = cluster.pid(server)!
    cluster.kill(server)
    await waitFor(() => !existsSync(`/proc/${pid}`), `${server} to be gone`)
    rmSync(join(cluster.dataDir, server), { recursive: true })
    await cluster.back(server, starts)
  }
  await writer.more(50)
  await writer.stop()
  await assertSettled(cluster, writer.operations, ['ana'])
  assert.deepEqual((await ask('users', {})).users, ['ana'])
  assert.deepEqual((await ask('channels', {})).channels, ['samba'])
})

const publications = (cluster: Cluster, server: string): number =>
  linesOf(cluster.publicFiles(), server, 'publications.jsonl').length
