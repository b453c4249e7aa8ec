/** A fourth and a fifth server join a cluster while bots chat, and leave it again. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../../src/cli/ask.ts'
import { plainClient } from './support/clients.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { assertOrder, assertSettled } from './support/history.ts'

const SERVER = join(import.meta.dirname, '..', '..', 'src', 'server', 'main.js')

/** Starts one more server by hand, as Docker would with `--scale`. */
function startServer(cluster: Cluster, name: string): { child: ChildProcess; log(): string } {
  const child = spawn(process.execPath, [SERVER], {
    env: {
      ...process.env,
      ...{ SERVER_NAME: name, PEER_PORT: '0', PEER_PUB_PORT: '0', HEALTH_PORT: '0', LOG_FORMAT: 'json' },
      ...{ DATA_DIR: cluster.dataDir, PORT_OFFSET: String(cluster.portOffset) },
    },
    // It ends with this process, however that ends.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let log = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (bytes) => (log += bytes))
  return { child, log: () => log }
}

type Status = { view: { members: { rank: number }[]; quorum: number }; total: number }

async function members(cluster: Cluster): Promise<{ ranks: number[]; quorum: number; total: number }> {
  const { view, total } = (await ask(cluster.config.refUrl, 'status')) as Status
  return { ranks: view.members.map(({ rank }) => rank).sort(), quorum: view.quorum, total }
}

async function untilMembers(cluster: Cluster, wanted: readonly number[], log: () => string): Promise<void> {
  let last: unknown
  await waitFor(
    async () => {
      last = await members(cluster)
      return JSON.stringify((last as { ranks: number[] }).ranks) === JSON.stringify(wanted)
    },
    () => `members ${wanted}, there are ${JSON.stringify(last)}\n${log().slice(-4000)}`,
    60_000,
  )
}

test('a fourth and a fifth server join while bots chat, get all files, and may leave', async (t) => {
  const cluster = await startCluster({ bots: 2, env: { BOT_RATE: '20' } })
  t.after(() => cluster.stop())
  await cluster.ready
  const client = plainClient(cluster.config.brokerUrls[0]!)
  t.after(() => client.close())
  const count = (server: string): number => linesOf(cluster.publicFiles(), server, 'publications.jsonl').length
  await waitFor(() => count('server-1') >= 50, '50 publications')

  const added = ['server-4', 'server-5'].map((name) => startServer(cluster, name))
  t.after(() => {
    for (const { child } of added) child.kill('SIGKILL')
  })
  const log = (): string => added.map((one) => one.log()).join('\n')
  await untilMembers(cluster, [1, 2, 3, 4, 5], log)
  assert.deepEqual(await members(cluster), { ranks: [1, 2, 3, 4, 5], quorum: 3, total: 5 })
  const goal = count('server-1') + 50
  for (const server of ['server-4', 'server-5'])
    await waitFor(
      () => count(server) >= goal,
      () => `${goal} publications at ${server}, has ${count(server)}`,
    )
  cluster.assertPrefixes()

  // Two of five may die at once.
  const dead = ['server-1', 'server-2'].map((server) => ({ server, starts: cluster.starts(server) }))
  for (const { server } of dead) cluster.kill(server)
  const reply = await client.ask('channel', { channel: 'written-by-three', user: 'nobody' })
  assert.equal(reply.status, 'sucesso', JSON.stringify(reply))
  for (const { server, starts } of dead) await cluster.back(server, starts)
  await untilMembers(cluster, [1, 2, 3, 4, 5], log)

  for (const { child } of added) {
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, log().slice(-2000))
  }
  await untilMembers(cluster, [1, 2, 3], log)
  assert.equal((await client.ask('channel', { channel: 'written-after', user: 'nobody' })).status, 'sucesso')
  cluster.assertPrefixes()
  await cluster.stop({ keepData: true })
  const files = cluster.publicFiles()
  for (const server of Object.keys(files)) assertOrder(files, server)
  for (const server of ['server-4', 'server-5']) delete files[server]
  await assertSettled({ publicFiles: () => files, log: cluster.log }, [], [])
})
