import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, type Client, connect } from '../../../src/client/client.ts'
import { bindSocket, createSocket, createWriter, readLoop } from '../../../src/platform/sockets.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import type { Data, Envelope } from '../../../src/protocol/envelope.ts'
import { type Answer, type Fake, fakeBroker } from './fake-broker.ts'

async function withClient(answers: Answer[], body: (client: Client, fakes: Fake[]) => Promise<void>): Promise<void> {
  const fakes = await Promise.all(answers.map((answer) => fakeBroker(answer)))
  const client = connect({ broker: fakes.map(({ url }) => url) })
  try {
    await body(client, fakes)
  } finally {
    await client.close(0)
    for (const fake of fakes) fake.close()
  }
}

const ok: Answer = ({ data }) => ({ status: 'OK', n: data.n, clock: 1 })

test('calls of one turn share a message, and get their own replies', async () => {
  await withClient([ok], async (client, [fake]) => {
    assert.equal((await client.call('double', { n: 0 })).n, 0)
    const replies = await Promise.all(Array.from({ length: 90 }, (_, n) => client.call('double', { n })))
    assert.deepEqual(
      replies.map((data) => data.n),
      Array.from({ length: 90 }, (_, n) => n),
    )
    assert.deepEqual(
      fake!.bodies.map((body) => body.length),
      [1, 90],
    )
    const ids = fake!.bodies.flat().map(({ id }) => id)
    assert.equal(new Set(ids).size, 91)
  })
})

test('an id given is the id sent; errors are CallErrors', async () => {
  const refuse: Answer = () => ({ status: 'erro', code: 'unknown_channel', description: 'no such', retriable: false })
  await withClient([refuse], async (client, [fake]) => {
    await assert.rejects(client.call('treble', {}, { id: 'mine' }), (error) => {
      assert.ok(error instanceof CallError)
      assert.deepEqual([error.code, error.description, error.retriable], ['unknown_channel', 'no such', false])
      return true
    })
    assert.equal(fake!.bodies[0]![0]!.id, 'mine')
    await assert.rejects(client.call('treble', [] as unknown as Data), { code: 'bad_request' })
  })
})

test('the same id is tried until it is answered', async () => {
  let attempts = 0
  const third: Answer = ({ data }) => {
    attempts++
    if (attempts === 1) return null
    if (attempts === 2) return { status: 'erro', code: 'unavailable', description: 'later', retriable: true }
    return { status: 'OK', n: data.n }
  }
  await withClient([third], async (client, [fake]) => {
    assert.equal((await client.call('treble', { n: 5 })).n, 5)
    assert.equal(new Set(fake!.bodies.flat().map(({ id }) => id)).size, 1)
    assert.equal(fake!.bodies.length, 3)
  })
})

test('a silent broker is left for another', async () => {
  await withClient([() => null, ok], async (client, [silent, other]) => {
    assert.equal((await client.call('double', { n: 1 })).n, 1)
    assert.equal((await client.call('double', { n: 2 })).n, 2)
    assert.equal(silent!.bodies.length, 1)
    assert.equal(other!.bodies.length, 2)
  })
})

test('a broker that comes late is found, and a deadline is kept without one', async () => {
  const probe = await fakeBroker(ok)
  probe.close()
  const client = connect({ broker: probe.url })
  try {
    await assert.rejects(client.call('double', {}, { deadlineMs: 200 }), { code: 'timeout', retriable: true })
    const waiting = client.call('double', { n: 3 })
    const socket = createSocket('router')
    const writer = createWriter(socket)
    await bindSocket(socket, probe.url)
    void readLoop(socket, (frames) => {
      const { service, data } = decode(frames.at(-1)!) as Envelope
      writer.send([...frames.slice(0, -1), encode({ service, data: { status: 'OK', n: data.n } })])
    })
    assert.equal((await waiting).n, 3)
    socket.close()
  } finally {
    await client.close(0)
  }
})

test('closing waits for replies, for a while, and refuses new calls', async () => {
  await withClient([ok], async (client) => {
    const waiting = client.call('double', { n: 1 })
    const closed = client.close()
    await assert.rejects(client.call('double', {}), { code: 'unavailable' })
    assert.equal((await waiting).n, 1)
    await closed
  })
  await withClient([() => null], async (client) => {
    const waiting = assert.rejects(client.call('double', {}), { code: 'timeout' })
    await client.close(50)
    await waiting
  })
})

test('closing may wait for ever', async () => {
  let attempts = 0
  const third: Answer = ({ data }) => (++attempts < 3 ? null : { status: 'OK', n: data.n })
  await withClient([third], async (client) => {
    const waiting = client.call('double', { n: 6 })
    const closed = client.close(Number.POSITIVE_INFINITY)
    assert.equal((await waiting).n, 6)
    await closed
  })
})

test('garbage replies are ignored', async () => {
  const socket = createSocket('router')
  const writer = createWriter(socket)
  const url = await bindSocket(socket, 'tcp://127.0.0.1:*')
  void readLoop(socket, (frames) => {
    const route = frames.slice(0, -2)
    const { service, data } = decode(frames.at(-1)!) as Envelope
    writer.send([...route, '', Buffer.from([0xc1])])
    writer.send([frames[0]!, 'x'])
    writer.send([frames[0]!, Buffer.alloc(6), '', encode({})])
    writer.send([...route, '', encode([1, 2, 3])])
    writer.send([...route, '', encode({ service, data: { status: 'OK', n: data.n } })])
  })
  const client = connect({ broker: url })
  assert.equal((await client.call('double', { n: 4 })).n, 4)
  await client.close(0)
  socket.close()
})

test('subscribing needs a proxy', async () => {
  const client = connect({ broker: 'tcp://127.0.0.1:9' })
  assert.throws(() => client.subscribe('x'), TypeError)
  await client.close(0)
  assert.throws(() => connect({ broker: [] }), TypeError)
})
