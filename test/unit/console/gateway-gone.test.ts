/** Whoever goes away in the middle of a request is nobody's fault here: the gateway says nothing of it and keeps nothing. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { connect as connectClient } from '../../../src/client/client.ts'
import { createGateway, type Gateway } from '../../../src/console/gateway.ts'
import { HTTP_LIMITS } from '../../../src/console/limits.ts'
import { createLog } from '../../../src/platform/log.ts'

const HEAD = 'POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n'
/** More than may be in progress at a time: were they kept, the last would be refused. */
const TIMES = 2 * HTTP_LIMITS.requests

const logged: string[] = []
/** Nobody is there; what is tested here asks nobody. */
const client = connectClient({ broker: 'tcp://127.0.0.1:1', proxy: 'tcp://127.0.0.1:1' })
let gateway: Gateway
let port: number

before(async () => {
  gateway = createGateway({
    client,
    openRpc: {},
    log: createLog({ logLevel: 'info', logFormat: 'json' }, 'console', { write: (line) => logged.push(line) }),
    guard: { corsOrigin: null, ownName: 'localhost' },
    health: () => ({ ready: true }),
    invokeFor: () => async () => ({ result: 'done' }),
  })
  port = await gateway.listen('127.0.0.1', 0)
})
after(async () => {
  gateway.cut()
  await gateway.close()
  await client.close(0)
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

/** Sends half a request and goes away so many turns of the event loop later, with or without a good-bye. */
async function leaveAfter(turns: number, isReset: boolean): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  await new Promise((resolve) => socket.write(`${HEAD}{"jsonrpc":`, resolve))
  for (let i = 0; i < turns; i++) await turn()
  if (isReset) socket.resetAndDestroy()
  else socket.destroy()
}

test('clients that go away while they send are not logged, and nothing of them is kept', async () => {
  const ask = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: '{"jsonrpc":"2.0","method":"echo","id":1}',
    })
  const before = sockets()
  for (let i = 0; i < TIMES; i++) await leaveAfter(i % 10, i % 2 === 0)
  while (sockets() > before) await turn()
  const response = await ask()
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), { jsonrpc: '2.0', result: 'done', id: 1 })
  assert.deepEqual(logged, [])
})
