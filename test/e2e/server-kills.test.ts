/**
 * Servers are killed with `kill -9` in turn while clients that know nothing of retries publish one message after the
 * other: every request is answered, and what was answered OK is in the files once, in the order of the answers.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { pythonIsMissing } from './broker-harness.ts'
import { plainClient, prepareChat, startWriter, type Writer } from './support/clients.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { assertSettled, type Operation } from './support/history.ts'
import { startPythonPublisher } from './support/python.ts'

const SERVERS = ['server-1', 'server-2', 'server-3']
const ROUNDS = 2
/** On a machine that does nothing else, the longest wait is below 3 s. */
const WAIT_LIMIT_MS = 5000

/**
 * Kills each server in turn; in between everything becomes whole again.
 * @param more resolves when so many more messages have been answered
 */
async function killInTurn(cluster: Cluster, more: (count: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const server of SERVERS) {
      await more(20)
      const starts = cluster.starts(server)
      cluster.kill(server)
      await more(20)
      await cluster.back(server, starts)
      cluster.assertPrefixes()
    }
  }
  await more(20)
}

async function checkAnswers(cluster: Cluster, operations: Operation[], users: string[], t: TestContext): Promise<void> {
  const failed = operations.filter(({ result }) => result !== 'ok')
  assert.deepEqual(failed, [], 'every request is answered OK')
  const waits = operations.map(({ invokedAt, answeredAt }) => answeredAt! - invokedAt)
  const longest = Math.round(Math.max(...waits))
  const settledMs = await assertSettled(cluster, operations, users)
  t.diagnostic(`${operations.length} messages, longest wait ${longest} ms, files equal after ${settledMs} ms`)
  assert.ok(longest < WAIT_LIMIT_MS, `the longest wait was ${longest} ms`)
}

test('plain REQ clients get every answer while servers are killed in turn', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const users = ['ana', 'eva', 'lia']
  const writers: Writer[] = []
  for (const user of users) {
    const { ask, close } = plainClient(cluster.config.brokerUrls[0]!)
    t.after(close)
    await prepareChat(ask, 'samba', [user])
    // One broker, which lives on: all of them share one order by real time.
    writers.push(startWriter({ ask, user, channel: 'samba', orderedWith: 'the broker' }))
  }
  await killInTurn(cluster, async (count) => {
    await Promise.all(writers.map((writer) => writer.more(count)))
  })
  for (const writer of writers) await writer.stop()
  const operations = writers.flatMap((writer) => writer.operations)
  await checkAnswers(cluster, operations, users, t)
})

test('so does the client in Python', { skip: pythonIsMissing() }, async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const broker = cluster.config.brokerUrls[0]!
  const { ask, close } = plainClient(broker)
  t.after(close)
  await prepareChat(ask, 'samba', ['rui'])
  const publisher = startPythonPublisher(broker, 'rui', 'samba')
  t.after(publisher.end)
  await killInTurn(cluster, publisher.more)
  await publisher.stop()
  await checkAnswers(cluster, publisher.operations(), ['rui'], t)
})
