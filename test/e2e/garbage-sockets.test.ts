/** Garbage on every other socket: to workers, publishers, subscribers, between servers, and bytes of no protocol. */
import assert from 'node:assert/strict'
import type { Socket as Connection } from 'node:net'
import { after, before, test } from 'node:test'
import { Dealer, Publisher, XSubscriber } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { encode } from '../../src/protocol/codec.ts'
import { waitFor } from './support/cluster.ts'
import { bodies, greetings, noise, random, writeRaw } from './support/garbage.ts'
import { NAMES, startTarget, type Target } from './support/target.ts'

const COUNT = 3000

let target: Target
before(async () => {
  target = await startTarget()
})
after(() => target?.cluster.stop())

test('a worker that answers with garbage', async (t) => {
  const socket = new Dealer({ linger: 0, sendTimeout: 20_000 })
  t.after(() => socket.close())
  socket.connect(target.cluster.config.brokerBackUrls[0]!)
  const next = random(7)
  const client = connect({ broker: target.cluster.config.brokerUrls })
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
    return given >= 5
  }, 'the worker to get requests')
  socket.close()
  await target.assertUnharmed((line) => t.diagnostic(line))
})

test('garbage to publishers and subscribers, and what it does to a subscription', async (t) => {
  const client = connect({ broker: target.cluster.config.brokerUrls, proxy: target.cluster.config.proxyOutUrls })
  t.after(() => client.close(0))
  await client.call('login', { user: 'ana' })
  await client.call('channel', { channel: 'noisy' })
  const received: unknown[] = []
  const subscription = client.subscribe('noisy')
  void (async () => {
    for await (const { message } of subscription) received.push(message)
  })()
  await subscription.ready

  const next = random(11)
  const publisher = new Publisher({ linger: 1000 })
  t.after(() => publisher.close())
  publisher.connect(target.cluster.config.proxyInUrls[0]!)
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
  const subscriptionUrls = [target.cluster.config.proxyOutUrls[0]!, ...target.endpoints.map(({ pub }) => pub)]
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
  await target.assertUnharmed((line) => t.diagnostic(line))
})

test('messages between servers that lie, on the peer channel', async (t) => {
  const next = random(13)
  for (const { peer } of target.endpoints) {
    const socket = new Dealer({ linger: 1000, sendTimeout: 20_000 })
    t.after(() => socket.close())
    socket.connect(peer)
    for (let i = 0; i < COUNT / 3; i++) await socket.send(lie(next))
    await socket.send(['', encode({ service: 'status', data: {} })])
    for (;;) if ((await socket.receive()).length === 2) break
  }
  await target.assertUnharmed((line) => t.diagnostic(line))
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
  const { brokerPort, brokerBackPort, proxyInPort, proxyOutPort, refPort } = target.cluster.config
  const portOf = (url: string): number => Number(/:(\d+)/.exec(url.replace(/^\w+:/, ''))![1])
  const health = NAMES.map((name) => portOf(target.cluster.healthUrl(name)))
  const peers = target.endpoints.flatMap(({ peer, pub }) => [portOf(peer), portOf(pub)])
  const connections: Connection[] = []
  t.after(() => connections.forEach((connection) => void connection.destroy()))
  for (const port of [brokerPort, brokerBackPort, proxyInPort, proxyOutPort, refPort, ...peers, ...health])
    for (let time = 0; time < 5; time++)
      for (const bytes of greetings(port + time)) connections.push(writeRaw(port, bytes))
  await waitFor(() => connections.every(({ connecting }) => !connecting), 'all to be connected or refused')
  // They stay open while the cluster goes on.
  await target.assertUnharmed((line) => t.diagnostic(line))
  for (const name of NAMES) assert.ok(await target.cluster.isReady(name), `${name} is ready`)
})

test('frames larger than any may be', async (t) => {
  const large = Buffer.alloc(6 << 20, 0x90)
  const urls = [...target.requestUrls, target.cluster.config.brokerBackUrls[0]!]
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
  publisher.connect(target.cluster.config.proxyInUrls[0]!)
  for (let time = 0; time < 5; time++) await publisher.send(['working', large])
  await target.assertUnharmed((line) => t.diagnostic(line))
})
