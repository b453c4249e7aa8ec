/** A server that stands still for a while under load: nobody keeps everything for it, and it comes back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../src/client/client.ts'
import { prepareChat, retrying, startWriter } from './support/clients.ts'
import { startCluster, waitFor } from './support/cluster.ts'
import { operationsOf, startFlood } from './support/flood.ts'
import { assertSettled } from './support/history.ts'
import { assertPeaks, peaksOf } from './support/memory.ts'

const BOUND_MIB = 512
const STOPPED_MS = 10_000

test('a server that is stopped under load costs the others no more than the bound, and comes back', async (t) => {
  const cluster = await startCluster()
  const broker = `tcp://127.0.0.1:${cluster.config.brokerPort}`
  const client = connect({ broker })
  const seconds = STOPPED_MS / 1000 + 4
  const load = { kind: 'library', broker, channel: 'samba', connections: 2, seconds } as const
  const floods = []
  try {
    await cluster.ready
    const users = ['good', 'many', 'large']
    await prepareChat(retrying(client), 'samba', users)
    floods.push(startFlood({ ...load, user: 'many', inFlight: 200, bytes: 100 }))
    floods.push(startFlood({ ...load, user: 'large', inFlight: 20, bytes: 20_000 }))
    const good = startWriter({ ask: retrying(client), user: 'good', channel: 'samba' })
    await good.more(20)
    cluster.kill('server-3', 'SIGSTOP')
    // This long is what is tested; the client beside it goes on meanwhile.
    await Promise.all([sleep(STOPPED_MS), good.more(20)])
    cluster.kill('server-3', 'SIGCONT')
    const reports = await Promise.all(floods.map((flood) => flood.done))
    await waitFor(() => cluster.isReady('server-3'), 'the server that was stopped to be a member again', 60_000)
    await good.more(5)
    await good.stop()
    const operations = floods.flatMap((flood, i) => operationsOf(flood, reports[i]!))
    await assertSettled(cluster, [...good.operations, ...operations], users)
    assert.equal(cluster.starts('server-3'), 1)
    assertPeaks(cluster, BOUND_MIB)
    t.diagnostic(`${reports.map(({ okay }) => okay.length)} answered; longest wait ${good.longestWait()} ms`)
    t.diagnostic(`MiB: ${JSON.stringify(peaksOf(cluster))}`)
  } finally {
    for (const { child } of floods) child.kill('SIGKILL')
    await client.close(0)
    cluster.kill('server-3', 'SIGCONT')
    await cluster.stop()
  }
})
