/** All processes killed with `kill -9` at the same moment under load, and started again on the same data; twice. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { type PlainClient, plainClient, prepareChat, retrying, startWriter, type Writer } from './support/clients.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { assertSettled, type Operation } from './support/history.ts'

const TIMES = 2
const USERS = ['ana', 'rui', 'eva', 'lia', 'zoe']

test('all killed at once under load and started again: nothing is lost, doubled or out of order', async (t) => {
  let cluster = await startCluster()
  const { dataDir, portOffset } = cluster
  t.after(async () => {
    await cluster.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await cluster.ready
  const broker = cluster.config.brokerUrls[0]!
  const client = connect({ broker })
  t.after(() => client.close(0))
  const ask = retrying(client)
  await prepareChat(ask, 'samba', USERS)
  // These three have their requests under way again when the cluster is back.
  const patient = ['ana', 'rui', 'eva'].map((user, index) =>
    startWriter({ ask, user, channel: 'samba', ...(index === 1 && { to: 'ana' }) }),
  )
  const operations: Operation[] = []
  for (let time = 1; time <= TIMES; time++) {
    const plain = ['lia', 'zoe'].map((user) => startPlain(broker, user, time))
    const all = [...patient, ...plain.map(({ writer }) => writer)]
    await Promise.all(all.map((writer) => writer.more(100)))
    await cluster.killAll()
    cluster.assertPrefixes()
    // What these have under way is lost with the broker: nobody knows whether it was done.
    for (const { client: lost, writer } of plain) {
      lost.close()
      await writer.stop().catch(() => {})
      operations.push(...writer.operations)
    }
    cluster = await restart(cluster, dataDir, portOffset)
    await Promise.all(patient.map((writer) => writer.more(50)))
  }
  for (const writer of patient) await writer.stop()
  operations.push(...patient.flatMap((writer) => writer.operations))
  const unanswered = patient.flatMap((writer) => writer.operations).filter(({ result }) => result !== 'ok')
  assert.deepEqual(unanswered, [], 'who retries hears OK in the end')
  const settledMs = await assertSettled(cluster, operations, allUsers())
  const longest = Math.max(...patient.map((writer) => writer.longestWait()))
  t.diagnostic(`${operations.length} messages, longest wait ${longest} ms, files equal after ${settledMs} ms`)
})

/** A client that never retries; each time another user, so that texts are not used twice. */
function startPlain(broker: string, user: string, time: number): { client: PlainClient; writer: Writer } {
  const client = plainClient(broker)
  return { client, writer: startWriter({ ask: client.ask, user: `${user}${time}`, channel: 'samba' }) }
}

const allUsers = (): string[] => [
  ...USERS,
  ...['lia', 'zoe'].flatMap((user) => Array.from({ length: TIMES }, (_, time) => `${user}${time + 1}`)),
]

/** Starts the cluster again; no file that anybody may have read has become another one. */
async function restart(before: Cluster, dataDir: string, portOffset: number): Promise<Cluster> {
  const files = before.publicFiles()
  const cluster = await startCluster({ dataDir, portOffset })
  await cluster.ready
  const now = cluster.publicFiles()
  for (const [server, of] of Object.entries(files))
    for (const [name, bytes] of Object.entries(of))
      assert.ok(now[server]?.[name]?.subarray(0, bytes.length).equals(bytes), `${name} of ${server} has changed`)
  return cluster
}
