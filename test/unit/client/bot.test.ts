import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { runBot } from '../../../src/client/bot.ts'
import { CallError, type Client, type Data, type Subscription } from '../../../src/client/client.ts'
import { createStream, type Stream } from '../../../src/client/stream.ts'

type Line = Record<string, unknown> & { msg: string }

/** A cluster of one process: channels, users, and what was published, straight to its subscribers. */
function fakeCluster(fail: (service: string, count: number) => CallError | null) {
  const channels: string[] = []
  const users = ['somebody']
  const calls: { service: string; data: Data }[] = []
  const streams = new Map<string, Stream<Data>>()
  const services: Record<string, (data: Data) => Data> = {
    login: (data) => ({ status: 'sucesso', size: users.push(String(data.user)) }),
    users: () => ({ users }),
    channel: (data) => ({ status: 'sucesso', size: channels.push(String(data.channel)) }),
    channels: () => ({ channels: [...channels], users: [...channels] }),
    publish(data) {
      streams.get(String(data.channel))?.push({ type: 'publication', ...data, timestamp: Date.now() }, 100)
      return { status: 'OK' }
    },
    message: () => ({ status: 'OK' }),
    catalog: () => ({ tracks: [{ id: 'saideira', title: 'Saideira', artist: 'Maestro Caiçara' }] }),
    play: () => ({ status: 'OK' }),
    'playlist.create': () => ({ status: 'sucesso' }),
    'playlist.add': () => ({ status: 'sucesso' }),
  }
  const client: Client = {
    call: (async (service: string, data: Data) => {
      await new Promise((resolve) => setImmediate(resolve))
      const error = fail(service, calls.push({ service, data }))
      if (error !== null) throw error
      return services[service]!(data)
    }) as Client['call'],
    subscribe: ((topic: string): Subscription => {
      const stream = createStream<Data>()
      streams.set(topic, stream)
      const close = () => stream.end()
      return { ready: Promise.resolve(), missed: 0, close, [Symbol.asyncIterator]: () => stream.iterate(close) }
    }) as Client['subscribe'],
    clock: 0,
    close: async () => {},
  }
  return { client, calls, channels, streams }
}

async function run(fail: (service: string, count: number) => CallError | null, enough: (calls: string[]) => boolean) {
  const cluster = fakeCluster(fail)
  const lines: Line[] = []
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Line) })
  const abort = new AbortController()
  let ready = 0
  const timer = setInterval(() => {
    if (enough(cluster.calls.map(({ service }) => service))) abort.abort()
  }, 5)
  const limit = setTimeout(() => abort.abort(), 30_000)
  await runBot({
    client: cluster.client,
    log,
    name: 'ana-0001',
    rate: 1000,
    random: Math.random,
    signal: abort.signal,
    onReady: () => ready++,
  })
  clearInterval(timer)
  clearTimeout(limit)
  return { ...cluster, lines, ready }
}

const count = (calls: string[], service: string): number => calls.filter((one) => one === service).length

test('a bot does what the course says', async () => {
  const done = (calls: string[]) =>
    count(calls, 'publish') >= 80 && count(calls, 'message') >= 1 && count(calls, 'play') >= 2
  const { calls, channels, streams, lines, ready } = await run(() => null, done)
  assert.equal(calls[0]!.service, 'login')
  assert.equal(ready, 1)
  assert.equal(channels.length, 5)
  assert.ok(streams.has('ana-0001'), 'it hears its direct messages')
  assert.equal(streams.size, 4, 'itself and three channels')
  for (const { service, data } of calls) {
    if (service === 'publish') assert.ok(channels.includes(String(data.channel)) && String(data.message).length > 0)
    if (service === 'message') assert.equal(data.dst, 'somebody')
  }
  const services = calls.map(({ service }) => service)
  assert.deepEqual(
    ['catalog', 'playlist.create', 'playlist.add'].map((name) => count(services, name)),
    [1, 1, 1],
  )
  assert.ok(lines.some(({ msg, title }) => msg === 'played' && title === 'Saideira'))
  const received = lines.find(({ msg }) => msg === 'received')!
  for (const field of ['channel', 'user', 'text', 'sent', 'received']) assert.equal(typeof received[field], 'string')
  assert.match(String(received.sent), /^\d{4}-\d\d-\d\dT/)
  const shown = lines.filter(({ msg }) => msg === 'received').length
  assert.ok(
    shown <
      count(
        calls.map(({ service }) => service),
        'publish',
      ),
    `${shown} lines`,
  )
})

test('a bot survives refusals and silence', async () => {
  const silent = new CallError('timeout', 'no reply', true)
  const final = new CallError('unknown_channel', 'gone', false)
  const fail = (service: string, n: number) => (n === 1 ? silent : service === 'publish' && n < 6 ? final : null)
  const { calls, lines } = await run(fail, (all) => count(all, 'publish') >= 12)
  assert.equal(calls[1]!.service, 'login', 'it asks again')
  assert.ok(lines.some(({ msg }) => msg === 'no answer yet, trying again'))
  assert.ok(lines.some(({ msg }) => msg === 'refused'))
})
