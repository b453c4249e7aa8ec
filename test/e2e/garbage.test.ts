/**
 * Garbage on every socket: it is answered with an error or dropped with a log line, every process lives, memory stays
 * put, and the cluster works afterwards.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket as Connection } from 'node:net'
import { basename } from 'node:path'
import { after, before, test } from 'node:test'
import { Dealer, Publisher, Request, XSubscriber } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { ask } from '../../src/cluster/ask.ts'
import { decode, encode } from '../../src/protocol/codec.ts'
import { ERROR_CODES } from '../../src/protocol/errors.ts'
import { plainClient, prepareChat, retrying, startWriter } from './support/clients.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { bodies, greetings, MALFORMED, MISTAKEN, noise, random, sendTo, writeRaw } from './support/garbage.ts'
import { assertSettled } from './support/history.ts'

const NAMES = ['ref', 'broker', 'proxy', 'server-1', 'server-2', 'server-3']
const GROWTH_LIMIT_MB = 80
const COUNT = 3000

type Endpoint = { peer: string; pub: string }

let cluster: Cluster
let endpoints: Endpoint[]
let memoryBefore: Map<string, number>
let writers = 0

before(async () => {
  cluster = await startCluster()
  await cluster.ready
  const { servers } = (await ask(cluster.config.refUrl, 'status')) as unknown as { servers: { endpoint: Endpoint }[] }
  endpoints = servers.map(({ endpoint }) => endpoint)
  assert.equal(endpoints.length, 3)
  // What it costs to do its work at all should not count.
  await assertItWorks(1000)
  for (const url of requestUrls()) await sendTo(url, 1, 200)
  memoryBefore = new Map(NAMES.map((name) => [name, memoryOf(name)]))
})
after(() => cluster?.stop())

const requestUrls = (): string[] => [
  cluster.config.brokerUrls[0]!,
  cluster.config.refUrl,
  ...endpoints.map(({ peer }) => peer),
]

/** Resident memory, MB. */
function memoryOf(name: string): number {
  const status = readFileSync(`/proc/${cluster.pid(name)}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024
}

/** Writes and reads through the whole cluster; nothing of it is lost and all files are the same. */
async function assertItWorks(messages = 30): Promise<void> {
  const client = connect({ broker: cluster.config.brokerUrls })
  try {
    const call = retrying(client)
    const users = Array.from({ length: 4 }, () => `writer-${++writers}`)
    await prepareChat(call, 'working', users)
    const all = users.map((user) => startWriter({ ask: call, user, channel: 'working' }))
    await Promise.all(all.map((writer) => writer.more(Math.ceil(messages / all.length))))
    for (const writer of all) await writer.stop()
    const operations = all.flatMap((writer) => writer.operations)
    assert.deepEqual(
      operations.filter(({ result }) => result !== 'ok'),
      [],
    )
    await assertSettled(cluster, operations, users)
  } finally {
    await client.close(0)
  }
}

/** Same processes, about the same memory, every log line one record, and the cluster works. */
async function assertUnharmed(print: (line: string) => void): Promise<void> {
  await assertItWorks()
  for (const name of NAMES) assert.equal(cluster.starts(name), 1, `${name} died:\n${cluster.log().slice(-4000)}`)
  const growth = (name: string): number => Math.round(memoryOf(name) - memoryBefore.get(name)!)
  await waitFor(
    () => NAMES.every((name) => growth(name) < GROWTH_LIMIT_MB),
    () => `memory to stay put; it grew, MB: ${NAMES.map((name) => `${name} ${growth(name)}`).join(', ')}`,
  )
  print(`memory grew, MB: ${NAMES.map((name) => `${name} ${growth(name)}`).join(', ')}`)
  for (const line of cluster.log().split('\n')) assert.doesNotThrow(() => JSON.parse(line), `a forged line: ${line}`)
}

const complaints = (name: string): unknown[] =>
  cluster.records().filter(({ process, level }) => process === name && level === 40)

test('every kind of bad request is answered with an error, by broker, ref and servers', async (t) => {
  for (const url of requestUrls()) {
    const socket = new Request({ linger: 0, receiveTimeout: 20_000 })
    t.after(() => socket.close())
    socket.connect(url)
    for (const [what, body] of [...MALFORMED, ...MISTAKEN]) {
      // ref and servers know no `users` and no `login`; to them it is an unknown service.
      await socket.send(body)
      const reply = decode((await socket.receive())[0]!)
      const [envelope] = [reply].flat() as [{ data: Record<string, unknown> }]
      const { status, code, description, message, retriable } = envelope.data
      assert.equal(status, 'erro', `${what} to ${url}: ${JSON.stringify(envelope)}`)
      assert.ok((ERROR_CODES as readonly unknown[]).includes(code), `${what}: ${code}`)
      assert.ok(typeof description === 'string' && description.length < 400, `${what}: ${description}`)
      assert.equal(message, description)
      assert.equal(retriable, false, `${what} to ${url}: ${description}`)
    }
  }
  await assertUnharmed((line) => t.diagnostic(line))
})

test('thousands of bad messages to every socket that takes requests', async (t) => {
  await Promise.all(requestUrls().map((url, index) => sendTo(url, 100 + index, COUNT)))
  for (const name of ['ref', 'server-1', 'server-2', 'server-3'])
    assert.ok(complaints(name).length > 0, `${name} says what it dropped`)
  await assertUnharmed((line) => t.diagnostic(line))
})

test('a worker that answers with garbage', async (t) => {
  const socket = new Dealer({ linger: 0, sendTimeout: 20_000 })
  t.after(() => socket.close())
  socket.connect(cluster.config.brokerBackUrls[0]!)
  const next = random(7)
  const client = connect({ broker: cluster.config.brokerUrls })
  t.after(() => client.close(0))
  for (const body of bodies(7, COUNT)) {
    const kind = next()
    if (kind < 0.5) await socket.send(['', body])
    else if (kind < 0.6) await socket.send([body])
    else await socket.send([noise(next, 5), noise(next, 24), '', body])
  }
  // It is given requests like any worker, and breaks its word: somebody else answers them.
  let given = 0
  void (async () => {
    for await (const frames of socket) {
      given++
      await socket.send([...frames.slice(0, -2), '', noise(next, 50)])
    }
  })().catch(() => {})
  await waitFor(async () => {
    assert.ok(Array.isArray((await client.call('users', {})).users))
    return given >= 10
  }, 'the worker to get requests')
  socket.close()
  await assertUnharmed((line) => t.diagnostic(line))
})

test('garbage to publishers and subscribers, and what it does to a subscription', async (t) => {
  const client = connect({ broker: cluster.config.brokerUrls, proxy: cluster.config.proxyOutUrls })
  t.after(() => client.close(0))
  await client.call('login', { user: 'ana' })
  await client.call('channel', { channel: 'noisy', user: 'ana' })
  const received: unknown[] = []
  const subscription = client.subscribe('noisy')
  void (async () => {
    for await (const { message } of subscription) received.push(message)
  })()
  await subscription.ready

  const next = random(11)
  const publisher = new Publisher({ linger: 1000 })
  t.after(() => publisher.close())
  publisher.connect(cluster.config.proxyInUrls[0]!)
  const topics = [
    'noisy',
    'replica/1',
    'replica/',
    'servers',
    'servers/welcome/x',
    '',
    '\u0000',
    '../../x',
    'x'.repeat(5000),
  ]
  for (const body of bodies(11, COUNT)) {
    const topic = topics[Math.floor(next() * topics.length)]!
    const kind = next()
    await publisher.send(kind < 0.8 ? [topic, body] : kind < 0.9 ? [topic] : [topic, body, body, body])
  }
  const subscriptionUrls = [cluster.config.proxyOutUrls[0]!, ...endpoints.map(({ pub }) => pub)]
  const subscribers = subscriptionUrls.map((url) => {
    const socket = new XSubscriber({ linger: 1000 })
    t.after(() => socket.close())
    socket.connect(url)
    return socket
  })
  for (let i = 0; i < COUNT; i++) {
    const bytes = noise(next, 1 + Math.floor(next() * (i % 100 === 0 ? 5000 : 200)))
    // Subscriptions, endings of subscriptions that there are not, and neither.
    if (i % 3 !== 0) bytes[0] = i % 3 === 1 ? 1 : 0
    for (const socket of subscribers) await socket.send(bytes)
  }
  await waitFor(async () => {
    await client.call('publish', { user: 'ana', channel: 'noisy', message: 'clear' })
    return received.includes('clear')
  }, 'a publication to arrive after the garbage')
  await assertUnharmed((line) => t.diagnostic(line))
})

test('messages between servers that lie, on the peer channel', async (t) => {
  const next = random(13)
  for (const { peer } of endpoints) {
    const socket = new Dealer({ linger: 1000, sendTimeout: 20_000 })
    t.after(() => socket.close())
    socket.connect(peer)
    for (let i = 0; i < COUNT / 3; i++) await socket.send(lie(next))
    await socket.send(['', encode({ service: 'status', data: {} })])
    for (;;) if ((await socket.receive()).length === 2) break
  }
  await assertUnharmed((line) => t.diagnostic(line))
})

/** A message as servers send them, by nobody, with wrong fields. */
function lie(next: () => number): Uint8Array {
  const pick = <T>(...from: T[]): T => from[Math.floor(next() * from.length)]!
  const anything = (): unknown =>
    pick<unknown>(0, -1, 1, 2 ** 60, 1e300, null, '', 'server-1@1', [], {}, [[]], true, 7.5)
  const seqs = (): unknown => pick<unknown>({}, { 'server-1@1': 10 ** 12 }, { 'server-9@9': 3 }, { x: 1 }, anything())
  const view = (): unknown => pick<unknown>({ number: 10 ** 9, nonce: 'x' }, { number: 1 }, null, anything())
  const lines = Buffer.from('{"clock":1,"origin":"server-1@1","seq":1,"id":"x","time":1}\n')
  const data: Record<string, unknown> = {
    ...{
      rank: pick<unknown>(1, 2, 3, 9, 0, anything()),
      instance: pick<unknown>('nobody', '', 7),
      timestamp: anything(),
    },
    ...{ clock: pick<unknown>(0, 5, -1, 2 ** 60, 'x'), origin: pick<unknown>('server-1@1', 'server-9@9', anything()) },
    ...{ view: view(), made: anything(), have: seqs(), ordered: pick<unknown>(seqs(), anything()), digest: anything() },
    ...{ ask: anything(), position: anything(), installed: anything(), from: pick<unknown>(1, 10 ** 15, anything()) },
    ...{ to: pick<unknown>(1, 10 ** 15, anything()), files: pick<unknown>([['../../x', lines]], [[]], anything()) },
    ...{ head: pick<unknown>([[1, 'publications', 'x', lines.length]], [[1, '../x', 'x', 2]], [], anything()), lines },
  }
  const service = pick('events', 'ack', 'flush', 'hello', 'fetch', 'copy', 'copied', 'clock', 'election', 'x')
  return encode({ service, data })
}

test('bytes that are no ZeroMQ and no HTTP, on every port', async (t) => {
  const { brokerPort, brokerBackPort, proxyInPort, proxyOutPort, refPort } = cluster.config
  const portOf = (url: string): number => Number(/:(\d+)/.exec(url.replace(/^\w+:/, ''))![1])
  const health = NAMES.map((name) => portOf(cluster.healthUrl(name)))
  const peers = endpoints.flatMap(({ peer, pub }) => [portOf(peer), portOf(pub)])
  const connections: Connection[] = []
  t.after(() => connections.forEach((connection) => void connection.destroy()))
  for (const port of [brokerPort, brokerBackPort, proxyInPort, proxyOutPort, refPort, ...peers, ...health])
    for (let time = 0; time < 5; time++)
      for (const bytes of greetings(port + time)) connections.push(writeRaw(port, bytes))
  await waitFor(() => connections.every(({ connecting }) => !connecting), 'all to be connected or refused')
  // They stay open while the cluster goes on.
  await assertUnharmed((line) => t.diagnostic(line))
  for (const name of NAMES) assert.ok(await cluster.isReady(name), `${name} is ready`)
})

test('frames larger than any may be', async (t) => {
  const large = Buffer.alloc(6 << 20, 0x90)
  const urls = [...requestUrls(), cluster.config.brokerBackUrls[0]!]
  for (const url of urls) {
    for (let time = 0; time < 5; time++) {
      const socket = new Dealer({ linger: 500, sendTimeout: 20_000 })
      t.after(() => socket.close())
      socket.connect(url)
      await socket.send(['', large])
    }
  }
  const publisher = new Publisher({ linger: 500 })
  t.after(() => publisher.close())
  publisher.connect(cluster.config.proxyInUrls[0]!)
  for (let time = 0; time < 5; time++) await publisher.send(['working', large])
  await assertUnharmed((line) => t.diagnostic(line))
})

const STRANGE = [
  '../../etc/passwd',
  '..',
  '/',
  'server-1',
  '__proto__',
  'constructor',
  '%s',
  '$(id)',
  '<b>',
  '🥁',
  'NUL',
  '.',
]

/** Everything that may be below a data directory, numbers left out. */
const OWN_FILES = new Set(
  ['ref', 'ref/ref_servers.json', 'server-', 'server-/registry.json', 'server-/server.json'].concat(
    ['publications', 'messages', 'channels', 'logins', 'skipped', 'journal-'].map((log) => `server-/${log}.jsonl`),
    ['server-/journal-.free'],
  ),
)

function strayFiles(): string[] {
  const paths = readdirSync(cluster.dataDir, { recursive: true }) as string[]
  return paths.filter((path) => !OWN_FILES.has(path.replace(/\d+/g, '')) && !basename(path).startsWith('lock-'))
}

test('names that look like paths or code are names: they make no file, and are there after a restart', async (t) => {
  const passwd = readFileSync('/etc/passwd', 'utf8')
  const client = plainClient(cluster.config.brokerUrls[0]!)
  t.after(client.close)
  for (const name of STRANGE) {
    assert.equal((await client.ask('login', { user: name })).status, 'sucesso', name)
    assert.equal((await client.ask('channel', { channel: name, user: name })).status, 'sucesso', name)
    assert.equal((await client.ask('publish', { user: name, channel: name, message: name })).status, 'OK', name)
    assert.equal((await client.ask('message', { src: name, dst: name, message: name })).status, 'OK', name)
  }
  for (const server of ['server-1', 'server-2', 'server-3']) {
    const starts = cluster.starts(server)
    cluster.kill(server, 'SIGTERM')
    await cluster.back(server, starts)
  }
  // As often as it takes for each server to have answered.
  for (let time = 0; time < 6; time++) {
    for (const [service, field] of [
      ['users', 'users'],
      ['channels', 'channels'],
    ] as const) {
      const names = (await client.ask(service, {}))[field] as string[]
      assert.deepEqual(names.filter((name) => STRANGE.includes(name)).sort(), [...STRANGE].sort(), service)
    }
    for (const name of STRANGE)
      assert.equal(((await client.ask('history', { channel: name })).items as unknown[]).length, 1, name)
  }
  assert.deepEqual(strayFiles(), [])
  assert.equal(readFileSync('/etc/passwd', 'utf8'), passwd)
  await assertSettled(cluster, [], [])
})
