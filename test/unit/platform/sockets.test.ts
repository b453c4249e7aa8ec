import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AnySocket,
  bindSocket,
  createSocket,
  createWriter,
  readLoop,
  watchPeers,
} from '../../../src/platform/sockets.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'

const ANY = 'tcp://127.0.0.1:*'

async function until(condition: () => boolean, what: string): Promise<void> {
  const limit = Date.now() + 20_000
  while (!condition()) {
    assert.ok(Date.now() < limit, `still waiting: ${what}`)
    await sleep(5)
  }
}

/** Sockets that are closed at the end, whatever happens. */
function closing<T>(body: (open: <S extends AnySocket>(socket: S) => S) => Promise<T>): () => Promise<T> {
  return async () => {
    const opened: AnySocket[] = []
    const open = <S extends AnySocket>(socket: S): S => {
      opened.push(socket)
      return socket
    }
    try {
      return await body(open)
    } finally {
      for (const socket of opened) socket.close()
    }
  }
}

test(
  'every kind of socket has its limits set',
  closing(async (open) => {
    for (const kind of ['router', 'dealer', 'pub', 'sub', 'xpub', 'xsub'] as const) {
      const socket = open(createSocket(kind))
      assert.equal(socket.maxMessageSize, LIMITS.frameBytes)
      assert.equal(socket.linger, 0)
      assert.equal(socket.heartbeatInterval, 1000)
      assert.equal(socket.heartbeatTimeout, 3000)
      assert.ok(socket.handshakeInterval > 0 && socket.connectTimeout > 0)
      assert.ok(socket.reconnectInterval > 0 && socket.reconnectMaxInterval > 0)
    }
    assert.equal(open(createSocket('router', { maxMessageSize: 4 << 20 })).maxMessageSize, 4 << 20)
    assert.equal(open(createSocket('dealer', { sendHighWaterMark: 7 })).sendHighWaterMark, 7)
  }),
)

test(
  'messages arrive whole and in order, more than high-water marks hold',
  closing(async (open) => {
    const back = open(createSocket('dealer', { receiveHighWaterMark: 10 }))
    const front = open(createSocket('dealer', { sendHighWaterMark: 10 }))
    front.connect(await bindSocket(back, ANY))
    const writer = createWriter(front)
    for (let i = 0; i < 5000; i++) assert.ok(writer.send(['', `${i}`, Buffer.alloc(i % 300, i)]))
    assert.ok(writer.queued > 0)
    const numbers: number[] = []
    const done = readLoop(back, (frames) => {
      assert.equal(frames.length, 3)
      assert.equal(frames[2]!.length, Number(frames[1]) % 300)
      numbers.push(Number(frames[1]))
    })
    await writer.drained()
    assert.equal(writer.queued, 0)
    await until(() => numbers.length === 5000, 'all messages')
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i),
    )
    back.close()
    await done
  }),
)

test(
  'a full queue refuses, closing lets go of who waits',
  closing(async (open) => {
    const lonely = open(createSocket('dealer'))
    await bindSocket(lonely, ANY)
    const writer = createWriter(lonely, { maxQueued: 3 })
    const taken = Array.from({ length: 10 }, () => writer.send(['x']))
    // One is with the socket, three wait.
    assert.deepEqual(taken, [true, true, true, true, false, false, false, false, false, false])
    assert.equal(writer.queued, 4)
    const drained = writer.drained()
    writer.close()
    await drained
    assert.equal(writer.send(['x']), false)
  }),
)

test(
  'a router tells of peers that are gone or slow and serves the others',
  closing(async (open) => {
    const router = open(createSocket('router', { sendHighWaterMark: 5 }))
    const endpoint = await bindSocket(router, ANY)
    const dropped: string[] = []
    const writer = createWriter(router, { onDrop: (frames, code) => dropped.push(`${frames[0]} ${code}`) })
    const slow = open(createSocket('dealer', { receiveHighWaterMark: 1 }))
    slow.routingId = 'slow'
    slow.connect(endpoint)
    const quick = open(createSocket('dealer'))
    quick.routingId = 'quick'
    quick.connect(endpoint)
    let greetings = 0
    void readLoop(router, () => greetings++)
    await slow.send('here')
    await quick.send('here')
    await until(() => greetings === 2, 'greetings')

    writer.send(['nobody', 'x'])
    // More than the network's own buffers take, so that the router's queue to this peer fills.
    const large = Buffer.alloc(1 << 19)
    let sent = 0
    await until(() => {
      writer.send(['slow', large])
      sent++
      return dropped.includes('slow EAGAIN')
    }, `the slow peer's queue to fill`)
    assert.ok(dropped.includes('nobody EHOSTUNREACH'))
    writer.send(['quick', 'served'])
    assert.equal(String((await quick.receive())[0]), 'served')
    assert.ok(sent < 1000)
  }),
)

test(
  'reading pauses and goes on',
  closing(async (open) => {
    const back = open(createSocket('dealer'))
    const front = open(createSocket('dealer'))
    front.connect(await bindSocket(back, ANY))
    let got = 0
    let resume = () => {}
    let gate: Promise<void> | null = new Promise((resolve) => {
      resume = resolve
    })
    void readLoop(back, () => got++, { pause: () => (got < 3 ? null : gate) })
    const writer = createWriter(front)
    for (let i = 0; i < 10; i++) writer.send(['x'])
    await until(() => got === 3, 'three')
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next))
    assert.equal(got, 3)
    gate = null
    resume()
    await until(() => got === 10, 'the rest')
  }),
)

test(
  'a reader hands over what is there in one turn, and lets timers run',
  closing(async (open) => {
    const back = open(createSocket('dealer'))
    const front = open(createSocket('dealer'))
    front.connect(await bindSocket(back, ANY))
    const writer = createWriter(front)
    for (let i = 0; i < 500; i++) writer.send(['x'])
    await writer.drained()
    let got = 0
    let turns = 0
    let scheduled = false
    void readLoop(back, () => {
      got++
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        turns++
      })
    })
    await until(() => got === 500, 'all')
    assert.ok(turns < 500, `${turns} turns for 500 messages`)
  }),
)

test(
  'peers are counted, strangers are not',
  closing(async (open) => {
    const back = open(createSocket('dealer'))
    const seen: number[] = []
    const peers = watchPeers(back, (count) => seen.push(count))
    const endpoint = await bindSocket(back, ANY)
    const one = open(createSocket('dealer'))
    const two = open(createSocket('dealer'))
    one.connect(endpoint)
    two.connect(endpoint)
    await until(() => peers.count === 2, 'two peers')
    const { connect } = await import('node:net')
    await new Promise<void>((resolve) => {
      const stranger = connect(Number(endpoint.split(':').at(-1)), '127.0.0.1', () => stranger.destroy())
      stranger.on('close', () => resolve())
    })
    one.close()
    await until(() => peers.count === 1, 'one left')
    two.close()
    await until(() => peers.count === 0, 'none left')
    assert.deepEqual(seen, [1, 2, 1, 0])
  }),
)

test(
  'an address in use is named',
  closing(async (open) => {
    const endpoint = await bindSocket(open(createSocket('router')), ANY)
    await assert.rejects(bindSocket(open(createSocket('router')), endpoint), {
      code: 'EADDRINUSE',
      address: '127.0.0.1',
      port: Number(endpoint.split(':').at(-1)),
    })
  }),
)
