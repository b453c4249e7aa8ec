/** Clients of the course, byte by byte as they send: each of test/vectors/old-clients.json is answered with what they read. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Request, Subscriber } from 'zeromq'
import { decode } from '../../src/protocol/codec.ts'
import { pythonIsMissing } from './broker-harness.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { assertSettled } from './support/history.ts'
import { runPython } from './support/python.ts'

type Data = Record<string, unknown>
type Old = { service: string; fields: Record<string, string>; hex: string }
const VECTORS = new URL('../../../test/vectors/', import.meta.url)
const sessions: { habit: string; requests: Old[] }[] = JSON.parse(
  readFileSync(new URL('old-clients.json', VECTORS), 'utf8'),
)

let cluster: Cluster
before(async () => {
  cluster = await startCluster()
  await cluster.ready
})
after(() => cluster?.stop())

/** What each request of a session is answered with, in the order in which they come. */
const EXPECTED: ((data: Data, names: { user: string; friend: string; channel: string }) => void)[] = [
  ({ status }) => assert.equal(status, 'sucesso'),
  ({ status }) => assert.equal(status, 'sucesso'),
  ({ users }, { user, friend }) => assert.ok([user, friend].every((name) => (users as string[]).includes(name))),
  ({ status }) => assert.equal(status, 'sucesso'),
  (data) => assertError(data, 'already_exists'),
  ({ channels, users }, { channel }) => {
    assert.ok((channels as string[]).includes(channel))
    assert.deepEqual(users, channels)
  },
  ({ status }) => assert.equal(status, 'OK'),
  (data) => assertError(data, 'unknown_channel'),
  ({ status }) => assert.equal(status, 'OK'),
  (data) => assertError(data, 'unknown_user'),
  ({ resultado }) => assert.equal(resultado, 15),
  ({ resultado }) => assert.equal(resultado, 3),
  ({ nome }) => assert.equal(nome, 'João Carvalho'),
]

function assertError({ status, code, description, message }: Data, expected: string): void {
  assert.deepEqual([status, code], ['erro', expected])
  assert.ok(typeof description === 'string' && description.length > 0)
  assert.equal(message, description)
}

for (const { habit, requests } of sessions) {
  test(`an old client is served: ${habit}`, async (t) => {
    const socket = new Request({ linger: 0, receiveTimeout: 20_000 })
    t.after(() => socket.close())
    socket.connect(cluster.config.brokerUrls[0]!)
    const names = {
      user: requests[0]!.fields.user!,
      friend: requests[1]!.fields.user!,
      channel: requests[3]!.fields.channel!,
    }
    const heard = await listen(t, [names.channel, names.friend])
    let last = 0
    for (const [index, { hex }] of requests.entries()) {
      const body = Buffer.from(hex, 'hex')
      await socket.send(body)
      const frames = await socket.receive()
      assert.equal(frames.length, 1)
      const { service, data } = decode(frames[0]!) as { service: string; data: Data }
      assert.equal(service, (decode(body) as { service: string | Buffer }).service.toString())
      EXPECTED[index]!(data, names)
      assert.ok(Number.isSafeInteger(data.timestamp) && Number(data.timestamp) > 1.7e12)
      assert.ok(Number.isSafeInteger(data.clock) && Number(data.clock) > last, `clock ${data.clock} after ${last}`)
      last = Number(data.clock)
    }
    await waitFor(() => heard.length === 2, `two publications, have ${JSON.stringify(heard)}`)
    const [publication, direct] = heard as [Data, Data]
    const said = requests[6]!.fields.message
    const { user, friend, channel } = names
    assert.deepEqual([publication.user, publication.channel, publication.message], [user, channel, said])
    const { src, dst, from, to, message } = direct
    assert.deepEqual([src, dst, from, to, message], [user, friend, user, friend, requests[8]!.fields.message])
  })
}

/** Subscribes as an old client does, by the topics' names, and keeps the maps that come. */
async function listen(t: { after(undo: () => void): void }, topics: string[]): Promise<Data[]> {
  const socket = new Subscriber({ linger: 0 })
  t.after(() => socket.close())
  socket.connect(cluster.config.proxyOutUrls[0]!)
  const welcome = `servers/welcome/${topics[0]}`
  for (const topic of [...topics, welcome]) socket.subscribe(topic)
  const heard: Data[] = []
  let welcomed = false
  void (async () => {
    for await (const [topic, body] of socket) {
      if (topic!.toString() === welcome) welcomed = true
      else if (topics.includes(topic!.toString())) heard.push(decode(body!) as Data)
    }
  })().catch(() => {})
  await waitFor(() => welcomed, 'the subscriber to be welcome')
  return heard
}

test('the recorded requests are what Python makes today', { skip: pythonIsMissing() }, async () => {
  const { code, stdout, stderr } = await runPython([new URL('old_clients.py', VECTORS).pathname])
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), sessions)
})

test('everything they said is in the files of all servers, once', async () => {
  await assertSettled(cluster, [], [])
})
