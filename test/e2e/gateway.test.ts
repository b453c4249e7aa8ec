/** The gateway with a real cluster behind it: what docs/http.md shows, load, garbage, and a clean end. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { EXAMPLES } from '../unit/console/json-rpc-examples.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { readEvents } from './support/events.ts'
import { random } from './support/garbage.ts'
import { freeOffset } from './support/ports.ts'

const project = join(import.meta.dirname, '..', '..', '..')
/** The methods of the specification's examples, as far as there is no service of that name. */
const PLUGIN = `export const plugin = ({ z, statelessService, number }) => {
  const takes = (...names) => z.object(Object.fromEntries(names.map((name) => [name, number(name)])))
  const service = (name, summary, schema, answer) => statelessService({ name, summary, schema, answer })
  return {
    services: [
      service('subtract', 'Takes one number from another.', takes('minuend', 'subtrahend'), (numbers) => ({
        data: { result: numbers.minuend - numbers.subtrahend },
      })),
      service('get_data', 'Data.', z.object({}), () => ({ data: { result: ['hello', 5] } })),
      service('update', 'Nothing.', takes('a', 'b', 'c', 'd', 'e'), () => ({ data: {} })),
      service('notify_hello', 'Nothing.', takes('a'), () => ({ data: {} })),
      service('notify_sum', 'Nothing.', takes('a', 'b', 'c'), () => ({ data: {} })),
    ],
  }
}
`

let cluster: Cluster
let base: string
const plugins = mkdtempSync(join(tmpdir(), 'compasso-plugins-'))
before(async () => {
  writeFileSync(join(plugins, 'examples.mjs'), PLUGIN)
  cluster = await startCluster({ env: { SERVICES_DIR: plugins } })
  await cluster.ready
  base = `http://127.0.0.1:${cluster.config.httpPort}`
})
after(async () => {
  await cluster?.stop()
  rmSync(plugins, { recursive: true })
})

type Reply = { id: unknown; result?: Record<string, unknown>; error?: RpcError }
type RpcError = { code: number; message: string; data?: { code: string; retriable: boolean; description: string } }

const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${base}/rpc`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
async function ask<T = Reply>(message: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await post(JSON.stringify(message), headers)
  assert.equal(response.status, 200)
  return (await response.json()) as T
}
const request = (method: string, params: unknown, id: unknown = 1) => ({ jsonrpc: '2.0', method, params, id })
const messages = (channel: string): unknown[] =>
  linesOf(cluster.publicFiles(), 'server-1', 'publications.jsonl')
    .filter((line) => line.channel === channel)
    .map(({ message }) => message)

test('docs/http.md: every command prints what the page says', async () => {
  const page = readFileSync(join(project, 'docs', 'http.md'), 'utf8')
  const blocks = [...page.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({ kind, text: text! }))
  let ran = 0
  for (const [index, { kind, text }] of blocks.entries()) {
    if (kind !== 'sh') continue
    const shown = blocks[index + 1]
    const printed = await shell(text.replaceAll('http://127.0.0.1:8080', base))
    if (shown?.kind === 'json') assert.deepEqual(plain(printed), plain(shown.text), text)
    else if (shown?.kind === '') assert.equal(masked(printed), masked(shown.text), text)
    else assert.equal((JSON.parse(printed) as { openrpc: string }).openrpc, '1.2.6')
    ran++
  }
  assert.ok(ran >= 6, `${ran} commands`)
})

/** Runs commands until they end, or, of one that goes on, for as long as it takes until an event has come. */
async function shell(commands: string): Promise<string> {
  if (!commands.includes('/events')) return (await promisify(execFile)('bash', ['-c', commands])).stdout
  const child = spawn('bash', ['-c', `exec ${commands}`])
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  try {
    await waitFor(
      () => /data: .*\n\n$/.test(out),
      () => `an event, got ${out}`,
    )
  } finally {
    child.kill()
  }
  return out
}

// Numbers of time and place differ from run to run.
const masked = (text: string): string =>
  text
    .replace(/"(timestamp|clock|n|seq)":\d+/g, '"$1":0')
    .replace(/"(origin|id)":"[^"]+@?[^"]*"/g, '"$1":"…"')
    .replace(/^id: [1-9]\d*$/gm, 'id: …')
/** One document, or one a line. */
function plain(text: string): unknown[] {
  try {
    return [JSON.parse(masked(text))]
  } catch {
    return text
      .replaceAll('}{', '}\n{')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(masked(line)))
  }
}

test('the examples of the specification, by services of a plug-in, are answered as they stand there', async () => {
  for (const { what, send, receive } of EXAMPLES) {
    const response = await post(send)
    if (receive === null) {
      assert.deepEqual([response.status, await response.text()], [204, ''], what)
      continue
    }
    const replies: Reply | Reply[] = JSON.parse(await response.text())
    const expected: Reply | Reply[] = JSON.parse(receive)
    assert.deepEqual(Array.isArray(replies) ? replies.map(bare) : bare(replies), asHere(expected), what)
  }
})

/** A reply without what a service, or the cluster for a refusal, says more than the specification's own methods would. */
const bare = ({ result, error, ...reply }: Reply): unknown => ({
  ...reply,
  ...(result !== undefined && { result: result.result }),
  ...(error !== undefined && { error: { code: error.code, message: error.message } }),
})

/** Their `sum` takes any number of numbers; ours takes two, and says so. */
function asHere(expected: Reply | Reply[]): unknown {
  if (!Array.isArray(expected)) return expected
  return expected.map((reply) =>
    reply.id === '1' ? { jsonrpc: '2.0', error: { code: -32602, message: 'Invalid params' }, id: '1' } : reply,
  )
}

test('services of a plug-in are in the OpenRPC document like any other', async () => {
  const response = await fetch(`${base}/openrpc.json`)
  const { methods } = (await response.json()) as {
    methods: { name: string; summary: string; params: { name: string }[] }[]
  }
  const subtract = methods.find(({ name }) => name === 'subtract')!
  assert.equal(subtract.summary, 'Takes one number from another.')
  assert.deepEqual(
    subtract.params.map(({ name }) => name),
    ['minuend', 'subtrahend'],
  )
  assert.ok(methods.some(({ name }) => name === 'publish'))
})

test('services are methods, by name and by position; refusals keep what the cluster says of them', async () => {
  await ask(request('login', ['ana']))
  assert.equal((await ask(request('sum', [10, 5]))).result!.result, 15)
  assert.equal((await ask(request('sum', { b: 5, a: 10 }))).result!.result, 15)
  const { result } = await ask(request('users', undefined))
  assert.ok((result!.users as string[]).includes('ana'))
  assert.ok(Number.isSafeInteger(result!.clock) && Number.isSafeInteger(result!.timestamp))
  const codes: [method: string, params: unknown, code: number, ours: string][] = [
    ['nothing', {}, -32601, 'unknown_service'],
    ['publish', { user: 'ana', channel: 'x' }, -32602, 'bad_request'],
    ['publish', ['ana', 'nowhere', 'x'], -32002, 'unknown_channel'],
    ['message', ['ana', 'nobody', 'x'], -32001, 'unknown_user'],
    ['channel', ['servers'], -32004, 'reserved_name'],
    ['sum', [1, 2, 3], -32602, 'bad_request'],
    ['publish', { user: 'ana', channel: 'x', message: '\ud800' }, -32602, 'bad_request'],
  ]
  for (const [method, params, code, ours] of codes) {
    const { error } = await ask(request(method, params))
    assert.deepEqual([error?.code, error?.data?.code, error?.data?.retriable], [code, ours, false], method)
  }
  assert.equal((await ask(request('rpc.secret', []))).error!.code, -32601)
  assert.equal((await ask(request('rpc.discover', []))).result!.openrpc, '1.2.6')
})

test('200 requests at once, alone and in batches, are each done once and answered under their own id', async () => {
  await ask(request('channel', ['many']))
  const alone = Array.from({ length: 200 }, (_, id) => ask(request('publish', ['ana', 'many', `alone ${id}`], id)))
  const batches = Array.from({ length: 20 }, (_, batch) =>
    ask<Reply[]>(
      Array.from({ length: 50 }, (_, i) => request('publish', ['ana', 'many', `batch ${batch} ${i}`], `${i}`)),
    ),
  )
  for (const [id, reply] of (await Promise.all(alone)).entries())
    assert.deepEqual([reply.id, reply.result?.status], [id, 'OK'])
  for (const replies of await Promise.all(batches))
    assert.deepEqual(
      replies.map(({ id, result }) => [id, result?.status]),
      replies.map((_, i) => [`${i}`, 'OK']),
    )
  await waitFor(
    () => messages('many').length >= 1200,
    () => `1200 messages in the file, ${messages('many').length}`,
  )
  assert.equal(new Set(messages('many')).size, 1200)
  assert.equal(messages('many').length, 1200)
})

test('notifications are done; an idempotency key makes of two requests one', async () => {
  await ask(request('channel', ['once']))
  const said = ['once', 'again', 'a', 'b']
  const { id: _, ...notification } = request('publish', ['ana', 'once', 'once'])
  assert.equal((await post(JSON.stringify(notification), { 'idempotency-key': '"key-1"' })).status, 204)
  await waitFor(() => messages('once').length === 1, 'the notification to be done')
  assert.equal(
    (await ask(request('publish', ['ana', 'once', 'once']), { 'idempotency-key': 'key-1' })).result!.status,
    'OK',
  )
  for (let time = 0; time < 3; time++) {
    await ask(request('publish', ['ana', 'once', 'again']), { 'idempotency-key': '"key-2"' })
    const batch = ['a', 'b'].map((text) => request('publish', ['ana', 'once', text]))
    await ask(batch, { 'idempotency-key': '"key-3"' })
  }
  await waitFor(() => messages('once').length >= said.length, 'all in the file')
  assert.deepEqual([...messages('once')].sort(), [...said].sort())
})

test('garbage is answered as such, and what others ask at the same moment is done', async () => {
  const next = random(5)
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    ':',
    '\\',
    'null',
    '1e999',
    '"jsonrpc":"2.0"',
    '"method":"publish"',
    '"id":',
    '\u0000',
    '"\\ud800"',
    '-',
  ]
  const garbage = (): string =>
    Array.from({ length: 1 + next() * 30 }, () => pieces[Math.floor(next() * pieces.length)]).join('')
  const evil = ['"\\ud800"', '{"\\udfff":1}', '[[[[[[[[[[[[[1]]]]]]]]]]]]]', '1e999', '{"__proto__":{"x":1}}']
  const round = async (): Promise<void> => {
    const asked = Array.from({ length: 20 }, () => post(garbage()))
    const poisoned = evil.map((value) =>
      post(
        `{"jsonrpc":"2.0","method":"publish","params":{"user":"ana","channel":"many","message":"x","more":${value}},"id":1}`,
      ),
    )
    const good = Array.from({ length: 20 }, () => ask(request('publish', ['ana', 'many', 'good'])))
    for (const response of await Promise.all(asked))
      assert.ok([200, 204].includes(response.status), `${response.status}`)
    for (const response of await Promise.all(poisoned)) assert.ok([200].includes(response.status))
    for (const reply of await Promise.all(good)) assert.equal(reply.result?.status, 'OK')
  }
  for (let i = 0; i < 10; i++) await round()
  assert.equal(cluster.starts('console'), 1, 'it lived through it')
})

test('healthz tells when requests would not succeed, and when they would again', async () => {
  const health = async () => {
    const response = await fetch(`${base}/healthz`)
    return { status: response.status, ...((await response.json()) as { ready: boolean; why?: string }) }
  }
  assert.deepEqual([(await health()).status, (await health()).ready], [200, true])
  cluster.kill('broker', 'SIGSTOP')
  const unwell = await waitFor(async () => {
    const now = await health()
    return now.ready ? null : now
  }, 'healthz to notice that the broker is silent')
  assert.deepEqual([unwell.status, unwell.why], [503, 'timeout: no reply to history in time'])
  assert.equal(await cluster.isReady('console'), false, 'the port for health says the same')
  cluster.kill('broker', 'SIGCONT')
  await waitFor(async () => (await health()).ready, 'healthz to notice that the broker is back')
  await waitFor(() => cluster.isReady('console'), 'the port for health to notice too')
})

test('SIGTERM: streams end whole, what is in flight is answered, exit code 0 within 5 s', async (t) => {
  const stream = await fetch(`${base}/events?channel=many`)
  const events = readEvents(`${base}/events?channel=many&from=0`)
  t.after(() => events.close())
  await waitFor(() => events.received.length > 0, 'a first event')
  const pid = cluster.pid('console')!
  const starts = cluster.starts('console')
  cluster.kill('broker', 'SIGSTOP')
  const inFlight = Array.from({ length: 20 }, (_, id) => ask(request('publish', ['ana', 'many', `late ${id}`], id)))
  await waitFor(async () => (await fetch(`${base}/healthz`)).status === 503, 'requests to hang')
  process.kill(pid, 'SIGTERM')
  const [answers, rest] = await Promise.all([Promise.all(inFlight), stream.text()])
  for (const [id, { error, ...reply }] of answers.entries())
    assert.deepEqual([reply.id, error?.data?.code, error?.data?.retriable], [id, 'timeout', true])
  assert.match(rest, /\n\n$/, 'no event was cut in the middle')
  await waitFor(() => cluster.starts('console') > starts, 'the launcher to start it again')
  const ended = cluster.records().findLast(({ child, msg }) => child === 'console' && msg === 'ended unexpectedly')
  // Whoever does not stop within 5 s ends with another one.
  assert.equal(ended!.code, 0)
  cluster.kill('broker', 'SIGCONT')
  await cluster.back('console', starts)
  const { length } = events.received
  await ask(request('publish', ['ana', 'many', 'back']))
  await waitFor(() => events.received.length > length, 'the stream that came back to go on')
})

test('without a cluster it waits, says so, and ends cleanly', async (t) => {
  const offset = await freeOffset({})
  const program = join(project, 'dist', 'src', 'console', 'main.js')
  const env = { ...process.env, PORT_OFFSET: String(offset), HEALTH_PORT: '0', LOG_FORMAT: 'json' }
  const child = spawn(process.execPath, [program], { env })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  await waitFor(() => out.includes('listening; waiting for a server to answer'), 'it to listen')
  const response = await fetch(`http://127.0.0.1:${8080 + offset}/healthz`)
  assert.equal(response.status, 503)
  assert.equal(((await response.json()) as { ready: boolean }).ready, false)
  child.kill('SIGTERM')
  const [code] = await once(child, 'close')
  assert.equal(code, 0, out)
})
