/** More requests than a cluster can answer: it stays small, serves who behaves, and keeps what it acknowledged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { type Ask, prepareChat, retrying, startWriter } from './support/clients.ts'
import { startCluster, waitFor } from './support/cluster.ts'
import { type Flood, type FloodPlan, operationsOf, startFlood } from './support/flood.ts'
import { assertSettled } from './support/history.ts'
import { assertPeaks, peaksOf } from './support/memory.ts'

/** docs/overload.md. */
const BOUND_MIB = 512
/** On a machine that does ten other things, too. */
const RECOVERY_MS = 60_000

type Load = Omit<FloodPlan, 'broker' | 'channel' | 'user'>

/** Lets floods loose beside a client that behaves, and looks at what is left. @returns how many were answered OK, and more in words */
async function endure(loads: readonly Load[]): Promise<{ okay: number[]; told: string }> {
  const cluster = await startCluster()
  const broker = `tcp://127.0.0.1:${cluster.config.brokerPort}`
  const client = connect({ broker })
  const floods: Flood[] = []
  try {
    await cluster.ready
    const ask = retrying(client)
    const users = ['good', ...loads.map((_, i) => `flood-${i}`)]
    await prepareChat(ask, 'samba', users)
    const good = startWriter({ ask, user: 'good', channel: 'samba' })
    await good.more(5)
    for (const [i, load] of loads.entries())
      floods.push(startFlood({ ...load, broker, channel: 'samba', user: `flood-${i}` }))
    const reports = await Promise.all(floods.map((flood) => flood.done))
    await waitFor(() => isFast(ask), 'an answer within a second', RECOVERY_MS)
    await good.more(5)
    await good.stop()
    const operations = floods.flatMap((flood, i) => operationsOf(flood, reports[i]!))
    await assertSettled(cluster, [...good.operations, ...operations], users)
    const peaks = peaksOf(cluster)
    for (const name of Object.keys(peaks)) assert.equal(cluster.starts(name), 1, `${name} was restarted`)
    assertPeaks(cluster, BOUND_MIB)
    const okay = reports.map((report) => report.okay.length)
    const views = cluster.records().filter(({ msg }) => msg === 'new view').length
    const wait = good.longestWait()
    return { okay, told: `answered ${okay}; ${views} views; longest wait ${wait} ms; MiB: ${JSON.stringify(peaks)}` }
  } finally {
    for (const { child } of floods) child.kill('SIGKILL')
    await client.close(0)
    await cluster.stop()
  }
}

/** Soon after it is over a newcomer is answered as if nothing had been. */
async function isFast(ask: Ask): Promise<boolean> {
  const at = performance.now()
  await ask('publish', { user: 'nobody counts', channel: 'samba', message: 'is it over?' })
  return performance.now() - at < 1000
}

test('ten times the requests that fit, from clients that never slow down, and some that never read', async (t) => {
  const { okay, told } = await endure([
    // The broker takes 20,000 requests at a time.
    { kind: 'library', connections: 5, inFlight: 20_000, bytes: 100, seconds: 5 },
    { kind: 'library', connections: 5, inFlight: 20_000, bytes: 100, seconds: 5 },
    { kind: 'pipeline', connections: 20, inFlight: 5000, bytes: 100, seconds: 5 },
    { kind: 'mute', service: 'history', connections: 10, inFlight: 0, bytes: 100, seconds: 5 },
  ])
  assert.ok(
    okay.slice(0, 3).every((count) => count > 0),
    `answered: ${okay}`,
  )
  t.diagnostic(told)
})

test('messages of the largest size, as fast as they go', async (t) => {
  const { okay, told } = await endure([
    { kind: 'library', connections: 4, inFlight: 200, bytes: 65_000, seconds: 3 },
    { kind: 'pipeline', connections: 4, inFlight: 200, bytes: 65_000, seconds: 3 },
  ])
  assert.ok(
    okay.every((count) => count > 0),
    `answered: ${okay}`,
  )
  t.diagnostic(told)
})
