/** The gateway's HTTP through a real server and real connections; the cluster behind it is in test/e2e/gateway*.test.ts. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { connect as connectClient } from '../../../src/client/client.ts'
import { createGateway, type Gateway } from '../../../src/console/gateway.ts'
import type { Invoke } from '../../../src/console/json-rpc.ts'
import { HTTP_LIMITS } from '../../../src/console/limits.ts'
import { createLog } from '../../../src/platform/log.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'
import { EXAMPLES, exampleMethods } from './json-rpc-examples.ts'

const ORIGIN = 'https://app.example.org'
const logged: string[] = []
const keys: (string | null)[] = []
/** Calls of `wait` end when this is called. */
let letGo: (() => void)[] = []
/** Nobody is there; what is tested here asks nobody. */
const client = connectClient({ broker: 'tcp://127.0.0.1:1', proxy: 'tcp://127.0.0.1:1' })
let gateway: Gateway
let base: string
/** What a request hears of which the body does not come. Begun first: it is given ten seconds. */
let slow: Promise<string>
let port: number
let ready = false

const examples = exampleMethods()
const invoke: Invoke = async (invocation) => {
  if (invocation.method === 'wait') await new Promise<void>((resolve) => letGo.push(resolve))
  if (invocation.method === 'large') return { result: 'x'.repeat(HTTP_LIMITS.batchReplies / 4) }
  if (invocation.method === 'wait') return { result: 'waited' }
  return examples(invocation)
}

before(async () => {
  gateway = createGateway({
    client,
    openRpc: { openrpc: '1.2.6' },
    log: createLog({ logLevel: 'info', logFormat: 'json' }, 'console', { write: (line) => logged.push(line) }),
    guard: { corsOrigin: ORIGIN, ownName: 'localhost' },
    health: () => ({ ready }),
    invokeFor(key) {
      keys.push(key)
      return invoke
    },
  })
  port = await gateway.listen('127.0.0.1', 0)
  base = `http://127.0.0.1:${port}`
  slow = exchange(
    'POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
  )
})
after(async () => {
  gateway.cut()
  await gateway.close()
  await client.close(0)
})

const JSON_TYPE = { 'content-type': 'application/json' }
const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
  fetch(`${base}/rpc`, { method: 'POST', body, headers })
const errorOf = async (response: Response): Promise<string> => ((await response.json()) as { error: string }).error
const call = (method: string, more: object = {}): string => JSON.stringify({ jsonrpc: '2.0', method, ...more })

for (const { what, send, receive } of EXAMPLES)
  test(`over HTTP: ${what}`, async () => {
    const response = await post(send)
    if (receive === null) {
      assert.equal(response.status, 204)
      assert.equal(await response.text(), '')
      return
    }
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.deepEqual(await response.json(), JSON.parse(receive))
  })

test('only JSON, uncompressed, in UTF-8, is taken', async () => {
  const body = call('echo', { id: 1 })
  for (const type of [
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
  ])
    assert.equal((await post(body, { 'content-type': type })).status, 200, type)
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/json; charset=latin1',
  ])
    assert.equal((await post(body, { 'content-type': type })).status, 415, type)
  const refused = await fetch(`${base}/rpc`, { method: 'POST', body: new Uint8Array(2) })
  assert.equal(refused.status, 415)
  assert.equal(await errorOf(refused), 'the content type must be application/json, in UTF-8')
  assert.equal((await post(body, { ...JSON_TYPE, 'content-encoding': 'gzip' })).status, 415)
})

test('a body has at most 1 MiB, announced or not', async () => {
  const fitting = `"${'x'.repeat(LIMITS.frameBytes - 2)}"`
  assert.equal((await post(fitting)).status, 200)
  const announced = await post(`${fitting} `)
  assert.equal(announced.status, 413)
  assert.equal(await errorOf(announced), 'the body must have at most 1048576 bytes')
  const chunk = '1'.repeat(64 << 10)
  const text = await exchange(
    `POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${`10000\r\n${chunk}\r\n`.repeat(17)}`,
  )
  assert.match(text, /^HTTP\/1.1 413 /)
})

test('an empty body is a parse error', async () => {
  const response = await post('')
  assert.equal(response.status, 200)
  assert.equal(((await response.json()) as { error: { code: number } }).error.code, -32700)
})

test('other methods and paths are told what there is', async () => {
  for (const [method, path, allowed] of [
    ['GET', '/rpc', 'POST'],
    ['PUT', '/rpc', 'POST'],
    ['DELETE', '/openrpc.json', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
  ] as const) {
    const response = await fetch(`${base}${path}?x=1`, { method })
    assert.equal(response.status, 405, `${method} ${path}`)
    assert.equal(response.headers.get('allow'), allowed)
    assert.equal(await errorOf(response), `${path} takes ${allowed}`)
  }
  for (const path of ['/nothing', '/rpc/', '/../etc/passwd', '/constructor', '/%00'])
    assert.equal((await fetch(`${base}${path}`)).status, 404, path)
  assert.equal((await fetch(`${base}/%zz`)).status, 400)
})

test('an idempotency key is handed on, with or without quotes; one that cannot be is refused', async () => {
  keys.length = 0
  for (const key of ['"01J8-x"', '01J8-x', 'y'.repeat(60)])
    assert.equal((await post(call('echo', { id: 1 }), { ...JSON_TYPE, 'idempotency-key': key })).status, 200)
  await post(call('echo', { id: 1 }))
  assert.deepEqual(keys, ['01J8-x', '01J8-x', 'y'.repeat(60), null])
  for (const key of ['y'.repeat(61), '""', '']) {
    const refused = await post(call('echo', { id: 1 }), { ...JSON_TYPE, 'idempotency-key': key })
    assert.equal(refused.status, 400, key)
  }
})

test('the front page is text for curl and HTML without anything from elsewhere for a browser', async () => {
  const plain = await fetch(base)
  assert.equal(plain.headers.get('content-type'), 'text/plain; charset=utf-8')
  assert.match(await plain.text(), new RegExp(`curl -s ${base}/rpc`))
  const page = await fetch(base, { headers: { accept: 'text/html,*/*' } })
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.match(page.headers.get('content-security-policy')!, /default-src 'none'/)
  assert.doesNotMatch(await page.text(), /<(?:script|link|img|style)/)
  const forged = await exchange('GET / HTTP/1.1\r\nhost: <script>\r\naccept: text/html\r\nconnection: close\r\n\r\n')
  assert.doesNotMatch(forged, /<script>/)
})

test('healthz says whether requests would succeed, HEAD without a body', async () => {
  ready = false
  assert.equal((await fetch(`${base}/healthz`)).status, 503)
  ready = true
  const response = await fetch(`${base}/healthz`)
  assert.deepEqual([response.status, await response.json()], [200, { ready: true }])
  const head = await fetch(`${base}/healthz`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
  assert.deepEqual(await (await fetch(`${base}/openrpc.json`)).json(), { openrpc: '1.2.6' })
})

test('pages elsewhere are refused before anything is done, but for the one that is allowed', async () => {
  const ask = (headers: Record<string, string>, method = 'POST') =>
    exchangeRequest({ 'content-type': 'application/json', ...headers }, method, call('echo', { id: 1 }))
  keys.length = 0
  assert.match(await ask({ host: 'evil.com' }), /^HTTP\/1.1 403 /)
  assert.match(await ask({ origin: 'http://evil.com' }), /^HTTP\/1.1 403 /)
  assert.match(await ask({ origin: 'http://evil.com' }, 'OPTIONS'), /^HTTP\/1.1 403 /)
  assert.match(await ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }), /^HTTP\/1.1 403 /)
  assert.deepEqual(keys, [], 'nothing was done')
  const preflight = await ask({ origin: ORIGIN, 'access-control-request-method': 'POST' }, 'OPTIONS')
  assert.match(preflight, /^HTTP\/1.1 204 /)
  assert.match(preflight, /access-control-allow-headers: content-type, idempotency-key, last-event-id/)
  const allowed = await ask({ origin: ORIGIN })
  assert.match(allowed, /^HTTP\/1.1 200 /)
  assert.match(allowed, /access-control-allow-origin: https:\/\/app\.example\.org/)
  const own = await ask({ origin: `http://localhost:${port}`, host: `localhost:${port}` })
  assert.match(own, /^HTTP\/1.1 200 /)
  assert.doesNotMatch(own, /access-control-allow-origin/)
})

test('only so many requests and calls are in progress at a time; the others are told to come again', async () => {
  const batch = (size: number): string =>
    `[${Array(size)
      .fill(call('wait', { id: 1 }))
      .join()}]`
  const full = HTTP_LIMITS.calls / 1000
  const waiting = Array.from({ length: full }, () => post(batch(1000)))
  await until(() => letGo.length === HTTP_LIMITS.calls)
  const refused = await post(call('echo', { id: 1 }))
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal(await errorOf(refused), 'too many calls are in progress: try again')
  finish()
  for (const response of await Promise.all(waiting)) assert.equal(((await response.json()) as unknown[]).length, 1000)
  assert.equal((await post(call('echo', { id: 1 }))).status, 200)
})

test('bodies have a bound together, counted as they arrive', async () => {
  const large = call('wait', { params: ['x'.repeat(LIMITS.frameBytes - 100)], id: 1 })
  const waiting = Array.from({ length: HTTP_LIMITS.bodyBytes >> 20 }, () => post(large))
  await until(() => letGo.length === waiting.length)
  const refused = await post(large)
  assert.equal(refused.status, 503)
  assert.equal(await errorOf(refused), 'too many bodies are in progress: try again')
  finish()
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 200)
  assert.equal((await post(call('echo', { params: ['x'.repeat(1 << 19)], id: 1 }))).status, 200)
})

test('values have a bound together: a short text may make many', async () => {
  const many = call('wait', { params: Array(400_000).fill(1), id: 1 })
  const waiting = [post(many), post(many)]
  await until(() => letGo.length === 2)
  const refused = await post(many)
  assert.equal(refused.status, 503)
  assert.equal(await errorOf(refused), 'too many values are in progress: try again')
  finish()
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 200)
  assert.equal((await post(call('echo', { id: 1 }))).status, 200)
})

test('notifications count until they are done, and their response does not wait', async () => {
  const batch = `[${Array(1000).fill(call('wait')).join()}]`
  for (let i = 0; i < HTTP_LIMITS.calls / 1000; i++) assert.equal((await post(batch)).status, 204)
  assert.equal((await post(call('echo', { id: 1 }))).status, 503)
  finish()
  await until(async () => (await post(call('echo', { id: 1 }))).status === 200)
})

test('a client that goes away gives back what it had when its calls end', async () => {
  const abort = new AbortController()
  const gone = fetch(`${base}/rpc`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: call('wait', { id: 1 }),
    signal: abort.signal,
  })
  await until(() => letGo.length === 1)
  abort.abort()
  await assert.rejects(gone)
  finish()
  assert.equal((await post(call('echo', { id: 1 }))).status, 200)
})

test('the results of a batch have a bound together; what has no room is an error', async () => {
  const response = await post(
    `[${Array(6)
      .fill(call('large', { id: 1 }))
      .join()},${call('echo', { params: [1], id: 2 })}]`,
  )
  const replies = (await response.json()) as { result?: unknown; error?: { code: number } }[]
  assert.equal(replies.filter(({ error }) => error?.code === -32005).length, 3)
  assert.equal(replies.filter(({ result }) => result !== undefined).length, 4)
})

test('a request that does not come, comes too large, or is no HTTP, is told so and cut off', async () => {
  assert.match(await exchange('garbage\r\n\r\n'), /^HTTP\/1.1 400 .*\{"error":/s)
  assert.match(await exchange(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431 /)
  assert.match(await slow, /^HTTP\/1.1 408 .*too slowly/s)
  assert.deepEqual(logged, [], 'nothing of all this is a fault of ours')
})

function finish(): void {
  for (const resolve of letGo) resolve()
  letGo = []
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

function exchangeRequest(headers: Record<string, string>, method: string, body: string): Promise<string> {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  return exchange(`${method} /rpc HTTP/1.1\r\n${lines.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
}

/** Sends bytes as they are, and gives all that comes until the connection ends. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    // A server that has refused what still comes may reset the connection.
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.write(bytes)
  })
}
