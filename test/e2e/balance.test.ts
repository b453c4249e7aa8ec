/** A server that is slow gets less: requests go where there is time, and every one of them is answered right. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { plainClient } from './support/clients.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { waitFor } from './support/wait.ts'

/** On one server it stops the event loop, as a service would that computes for long. */
const PLUGIN = `const cell = new Int32Array(new SharedArrayBuffer(4))
export const plugin = ({ z, number, statelessService }) => ({
  services: [
    statelessService({
      name: 'slow', summary: 'Takes its time on one server.', schema: z.object({ value: number('any') }),
      answer({ value }, { server }) {
        if (server === 'server-2') Atomics.wait(cell, 0, 0, 10)
        return { data: { server, value } }
      },
    }),
  ],
})`

const folder = mkdtempSync(join(tmpdir(), 'compasso-balance-'))
let cluster: Cluster
before(async () => {
  writeFileSync(join(folder, 'slow.mjs'), PLUGIN)
  cluster = await startCluster({ env: { SERVICES_DIR: folder } })
  await cluster.ready
})
after(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

type Shares = Map<string, number>

/** Asks one thing after the other until there are so many answers. */
async function askUntil(
  count: number,
  shares: Shares,
  ask: (value: number) => Promise<Record<string, unknown>>,
): Promise<void> {
  while ([...shares.values()].reduce((sum, one) => sum + one, 0) < count) {
    const value = Math.floor(Math.random() * 1e6)
    const reply = await ask(value)
    assert.equal(reply.value, value)
    const server = String(reply.server)
    shares.set(server, (shares.get(server) ?? 0) + 1)
  }
}

function assertSlowGetsLess(shares: Shares, what: string): void {
  const [first = 0, slow = 0, third = 0] = ['server-1', 'server-2', 'server-3'].map((name) => shares.get(name))
  // In turn each would get a third.
  assert.ok(slow < (first + slow + third) / 4, `${what}: ${JSON.stringify(Object.fromEntries(shares))}`)
  assert.ok(first > 0 && third > 0)
}

test('with many plain clients that ask one thing after the other', async (t) => {
  const shares: Shares = new Map()
  const clients = Array.from({ length: 40 }, () => plainClient(cluster.config.brokerUrls[0]!))
  t.after(() => clients.map((client) => client.close()))
  await Promise.all(clients.map(({ ask }) => askUntil(2000, shares, (value) => ask('slow', { value }))))
  t.diagnostic(JSON.stringify(Object.fromEntries(shares)))
  assertSlowGetsLess(shares, 'plain clients')
})

test('with batches of the client library', async (t) => {
  const shares: Shares = new Map()
  const client = connect({ broker: cluster.config.brokerUrls })
  t.after(() => client.close(0))
  const lanes = Array.from({ length: 200 }, () => askUntil(5000, shares, (value) => client.call('slow', { value })))
  await Promise.all(lanes)
  t.diagnostic(JSON.stringify(Object.fromEntries(shares)))
  assertSlowGetsLess(shares, 'batches')
})

test('and nobody is taken for dead, or gets less for ever, because of it', async () => {
  assert.ok(!/"msg":"a server went"/.test(cluster.log()))
  const client = plainClient(cluster.config.brokerUrls[0]!)
  let shares: Shares = new Map()
  // One at a time there is nothing to balance: each gets its turn, once the slow one has done what it still had.
  const hasItsTurn = async (): Promise<boolean> => {
    shares = new Map()
    await askUntil(30, shares, (value) => client.ask('slow', { value }))
    return (shares.get('server-2') ?? 0) >= 9
  }
  await waitFor(hasItsTurn, () => `the slow server's turn: ${JSON.stringify(Object.fromEntries(shares))}`)
  client.close()
})
