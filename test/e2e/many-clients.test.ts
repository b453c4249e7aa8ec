/** 50 REQ clients in Python and 50 in Node at once, with a worker in Python for one service: every answer is right. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Request } from 'zeromq'
import { decode, encode } from '../../src/protocol/codec.ts'
import { pythonIsMissing, root } from './broker-harness.ts'
import { plainClient } from './support/clients.ts'
import { type Cluster, linesOf, startCluster } from './support/cluster.ts'
import { assertSettled, type Operation } from './support/history.ts'
import { type Lines, runPython, startPython } from './support/python.ts'

type Data = Record<string, unknown>
type Exchange = {
  user: string
  service: string
  fields: Data
  reply: { service: string; data: Data }
  invokedAt: number
  answeredAt: number
}

const skip = pythonIsMissing()
const PROCESSES = 5
const CLIENTS = 50
const ROUNDS = 15
const CHANNEL = 'todos'

let cluster: Cluster
let worker: Lines
before(async () => {
  if (skip) return
  cluster = await startCluster({ env: { BROKER_ROUTES: 'mean=5566' } })
  await cluster.ready
  const back = `tcp://127.0.0.1:${5566 + cluster.portOffset}`
  worker = startPython('worker.py', ['--broker', back])
  await worker.line('serving mean')
  const client = plainClient(cluster.config.brokerUrls[0]!)
  assert.equal((await client.ask('channel', { channel: CHANNEL })).status, 'sucesso')
  client.close()
})
after(async () => {
  worker?.end()
  await cluster?.stop()
})

/** One of the clients in Node: what many_clients.py does, with whole seconds and no clock. */
async function nodeClient(number: number): Promise<Exchange[]> {
  const socket = new Request({ linger: 0, receiveTimeout: 60_000 })
  socket.connect(cluster.config.brokerUrls[0]!)
  const user = `node${number}`
  const exchanges: Exchange[] = []
  const call = async (service: string, fields: Data = {}): Promise<void> => {
    const invokedAt = performance.now()
    await socket.send(encode({ service, data: { ...fields, timestamp: Math.floor(Date.now() / 1000) } }))
    const reply = decode((await socket.receive())[0]!) as Exchange['reply']
    exchanges.push({ user, service, fields, reply, invokedAt, answeredAt: performance.now() })
  }
  await call('login', { user })
  for (let turn = 0; turn < ROUNDS; turn++) {
    await call('mean', { values: [number, turn, number * turn + 0.5] })
    await call('publish', { user, channel: CHANNEL, message: `${user} says ${turn}` })
    await call('message', { src: user, dst: user, message: `${user} notes ${turn}` })
  }
  await call('users')
  await call('channels')
  socket.close()
  return exchanges
}

async function pythonClients(first: number, count: number): Promise<Exchange[]> {
  const script = join(root, 'test', 'e2e', 'support', 'many_clients.py')
  const args = [script, cluster.config.brokerUrls[0]!, ...[first, count, ROUNDS].map(String), CHANNEL]
  const { code, stdout, stderr } = await runPython(args)
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exchange)
}

function assertRight({ user, service, fields, reply }: Exchange): void {
  const { data } = reply
  assert.equal(reply.service, service)
  assert.ok(Number.isSafeInteger(data.clock) && Number.isSafeInteger(data.timestamp), JSON.stringify(data))
  if (service === 'login') assert.equal(data.status, 'sucesso')
  else if (service === 'users') assert.ok((data.users as string[]).includes(user))
  else if (service === 'channels') assert.deepEqual(data.channels, [CHANNEL])
  else if (service === 'mean') {
    const values = fields.values as number[]
    assert.equal(data.result, values.reduce((sum, value) => sum + value, 0) / values.length)
  } else assert.equal(data.status, 'OK', JSON.stringify(data))
}

/** What each client was told, in the form that is compared with the files. */
const operationsOf = (exchanges: readonly Exchange[], service: string): Operation[] =>
  exchanges
    .filter((one) => one.service === service)
    .map(({ user, fields, invokedAt, answeredAt }) => {
      return { client: user, text: String(fields.message ?? user), invokedAt, answeredAt, result: 'ok', error: '' }
    })

test('50 clients in Python and 50 in Node at once, and a worker in Python for mean', { skip }, async (t) => {
  const each = CLIENTS / PROCESSES
  const exchanges = (
    await Promise.all([
      ...Array.from({ length: PROCESSES }, (_, index) => pythonClients(index * each, each)),
      ...Array.from({ length: CLIENTS }, (_, index) => nodeClient(index)),
    ])
  ).flat()
  assert.equal(exchanges.length, 2 * CLIENTS * (3 + 3 * ROUNDS))
  for (const exchange of exchanges) assertRight(exchange)

  const operations = ['login', 'publish', 'message'].flatMap((service) => operationsOf(exchanges, service))
  operations.push({ client: 'first', text: CHANNEL, invokedAt: 0, answeredAt: 0, result: 'ok', error: '' })
  const settledMs = await assertSettled(cluster, operations, 'everybody')
  for (const server of ['server-1', 'server-2', 'server-3'])
    for (const [file, service] of [
      ['publications.jsonl', 'publish'],
      ['messages.jsonl', 'message'],
    ] as const) {
      const written = linesOf(cluster.publicFiles(), server, file).map(({ message }) => String(message))
      assert.deepEqual(
        written.sort(),
        operationsOf(exchanges, service)
          .map(({ text }) => text)
          .sort(),
        `${server} ${file}`,
      )
    }
  const times = exchanges.map(({ invokedAt, answeredAt }) => answeredAt - invokedAt).sort((a, b) => a - b)
  const at = (part: number): number => Math.round(times[Math.floor(times.length * part)]!)
  t.diagnostic(`${exchanges.length} requests; median ${at(0.5)} ms, 99 % ${at(0.99)} ms; settled after ${settledMs} ms`)
})
