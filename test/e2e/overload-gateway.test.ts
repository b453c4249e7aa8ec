/** HTTP clients that never read, never finish and never go: the gateway stays small, and serves who behaves. */
import assert from 'node:assert/strict'
import { connect as connectSocket, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../src/client/client.ts'
import { type Ask, prepareChat, retrying, startWriter } from './support/clients.ts'
import { startCluster } from './support/cluster.ts'
import { assertSettled } from './support/history.ts'
import { peakOf } from './support/memory.ts'

/** docs/overload.md. */
const BOUND_MIB = 512

const HEAD = (length: number): string =>
  `POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`

const JSON_TYPE = { 'content-type': 'application/json' }
const SUM = JSON.stringify({ jsonrpc: '2.0', method: 'sum', params: { values: [1, 2] }, id: 1 })

/** Sends text over a connection and reads nothing, however much comes back. */
function mute(port: number, text: string): Socket {
  const socket = connectSocket(port, '127.0.0.1')
  // It is cut off sooner or later, which is right.
  socket.on('error', () => {})
  socket.pause()
  socket.write(text)
  return socket
}

/** Publishes over HTTP, again under the same key until it is known what became of it. */
function askOver(port: number, signal: AbortSignal): Ask {
  let number = 0
  return async (method, params) => {
    const key = `good-${++number}`
    for (;;) {
      signal.throwIfAborted()
      const body = JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 })
      const headers = { ...JSON_TYPE, 'idempotency-key': `"${key}"` }
      const response = await fetch(`http://127.0.0.1:${port}/rpc`, { method: 'POST', headers, body, signal }).catch(
        () => null,
      )
      const reply = response?.status === 200 ? ((await response.json()) as Reply) : null
      if (reply?.result !== undefined) return reply.result
      if (reply?.error !== undefined && reply.error.data?.retriable !== true)
        return { status: 'erro', ...reply.error.data }
      await sleep(50)
    }
  }
}
type Reply = { result?: Record<string, unknown>; error?: { data?: { code: string; retriable: boolean } } }

test('batches that nobody reads, bodies that never end, streams that are not read', async (t) => {
  const cluster = await startCluster()
  const { httpPort } = cluster.config
  const client = connect({ broker: cluster.config.brokerUrls })
  const sockets: Socket[] = []
  const over = new AbortController()
  t.after(async () => {
    over.abort()
    for (const socket of sockets) socket.destroy()
    await client.close(0)
    await cluster.stop()
  })
  await cluster.ready
  const ask = retrying(client)
  await prepareChat(ask, 'samba', ['good', 'loud'])
  const publish = (i: number) =>
    ask('publish', { user: 'loud', channel: 'samba', message: `${i} `.padEnd(60_000, 'x') })
  await Promise.all(Array.from({ length: 100 }, (_, i) => publish(i)))
  const good = startWriter({ ask: askOver(httpPort, over.signal), user: 'good', channel: 'samba' })
  await good.more(2)

  const page = { jsonrpc: '2.0', method: 'history', params: { channel: 'samba', limit: 10 } }
  const batch = JSON.stringify(Array.from({ length: 200 }, (_, id) => ({ ...page, id })))
  const announced = 1_000_000
  for (let i = 0; i < 250; i++)
    sockets.push(mute(httpPort, `GET /events?channel=samba&from=0 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`))
  for (let i = 0; i < 400; i++) sockets.push(mute(httpPort, HEAD(batch.length) + batch))
  for (let i = 0; i < 300; i++) sockets.push(mute(httpPort, `${HEAD(announced)}[${' '.repeat(announced / 2)}`))
  await Promise.all(Array.from({ length: 200 }, (_, i) => publish(100 + i)))
  // Whoever comes meanwhile hears at once how it stands, done or refused.
  for (let i = 0; i < 20; i++) {
    const { status } = await fetch(`http://127.0.0.1:${httpPort}/rpc`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: SUM,
    })
    assert.ok(status === 200 || status === 503, `answered ${status}`)
  }
  for (const socket of sockets) socket.destroy()
  await good.more(3)
  await good.stop()

  await assertSettled(cluster, good.operations, ['good'])
  assert.equal(cluster.starts('console'), 1, 'the gateway was restarted')
  const peak = peakOf(cluster.pid('console')!)
  assert.ok(peak <= BOUND_MIB, `the gateway had ${peak} MiB, more than ${BOUND_MIB}`)
  t.diagnostic(`longest wait ${good.longestWait()} ms; ${peak} MiB`)
})
