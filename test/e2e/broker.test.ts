import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { Dealer, Reply, Request } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { decode, encode } from '../../src/protocol/codec.ts'
import { STAMP_BYTES, stampNumber } from '../../src/protocol/stamp.ts'
import {
  freePorts,
  health,
  local,
  pythonIsMissing,
  type Running,
  root,
  startRole,
  until,
  watch,
  withCleanup,
} from './broker-harness.ts'

type AtEnd = (undo: () => unknown) => void
type Ports = { front: number; back: number; mean: number; health: number }

async function startBroker(
  atEnd: AtEnd,
  env: Record<string, string> = {},
  given?: Ports,
): Promise<{ ports: Ports; broker: Running }> {
  const free = (await freePorts(4)) as [number, number, number, number]
  const [front, back, mean, healthPort] =
    given === undefined ? free : [given.front, given.back, given.mean, given.health]
  const routes = env.ROUTED === undefined ? {} : { BROKER_ROUTES: `mean=${mean}` }
  const broker = startRole('broker', {
    BROKER_PORT: front,
    BROKER_BACK_PORT: back,
    HEALTH_PORT: healthPort,
    ...routes,
    ...env,
  })
  atEnd(() => broker.stop())
  await until(() => broker.output().includes('taking requests'), 'the broker')
  return { ports: { front, back, mean, health: healthPort }, broker }
}

/** A client of the plainest kind: a REQ socket that waits. */
function plainClient(port: number, atEnd: AtEnd): (body: unknown) => Promise<unknown> {
  const socket = new Request({ linger: 0, receiveTimeout: 25_000 })
  atEnd(() => socket.close())
  socket.connect(local(port))
  return async (body) => {
    await socket.send(encode(body))
    return decode((await socket.receive())[0]!)
  }
}

/** A dealer that serves until it is closed; `serve` returns the reply's body, or null for none. */
function dealerWorker(port: number, atEnd: AtEnd, serve: (frames: Buffer[]) => Uint8Array | null): Dealer {
  const socket = new Dealer({ linger: 0 })
  atEnd(() => socket.close())
  socket.connect(local(port))
  void (async () => {
    for await (const frames of socket) {
      const body = serve(frames)
      if (body !== null && !socket.closed) await socket.send([...frames.slice(0, -1), body])
    }
  })()
  return socket
}

const echo = (body: Buffer): Uint8Array => {
  const one = (value: unknown) => ({ ...(value as object), data: { status: 'OK', timestamp: 1, clock: 1 } })
  const value = decode(body)
  return encode(Array.isArray(value) ? value.map(one) : one(value))
}

const request = (service: string, data: Record<string, unknown> = {}) => ({ service, data })

test('ready when a worker is there; a REP worker hands the frames back; SIGTERM ends it with 0', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    await until(async () => (await health(ports.health))?.status === 503, 'health says not ready')
    const worker = new Reply({ linger: 0 })
    atEnd(() => worker.close())
    worker.connect(local(ports.back))
    await until(async () => (await health(ports.health))?.status === 200, 'health says ready')
    void (async () => {
      for await (const [body] of worker) await worker.send(echo(body!))
    })()
    const ask = plainClient(ports.front, atEnd)
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await ask(request('sum', { i })), {
        service: 'sum',
        data: { status: 'OK', timestamp: 1, clock: 1 },
      })
    }
    worker.close()
    await until(async () => (await health(ports.health))?.status === 503, 'health says not ready again')
    assert.equal(await broker.stop(), 0)
  })
})

test('every request has its own number, through two runs of the broker', async () => {
  await withCleanup(async (atEnd) => {
    const seen = new Set<string>()
    let requests = 0
    for (let run = 0; run < 2; run++) {
      const { ports } = await startBroker(atEnd)
      dealerWorker(ports.back, atEnd, (frames) => {
        const stamp = frames.at(-3)!
        assert.equal(stamp.length, STAMP_BYTES)
        assert.ok(stampNumber(stamp) > 0)
        seen.add(stamp.subarray(0, 16).toString('hex'))
        requests++
        return echo(frames.at(-1)!)
      })
      const asks = [plainClient(ports.front, atEnd), plainClient(ports.front, atEnd)]
      await Promise.all(
        asks.map(async (ask) => {
          for (let i = 0; i < 25; i++) await ask(request('sum'))
        }),
      )
    }
    assert.equal(requests, 100)
    assert.equal(seen.size, 100)
  })
})

test('what a worker took with it goes to another, with the same number', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    const numbers: number[] = []
    let taken: () => void = () => {}
    const lost = new Promise<void>((resolve) => {
      taken = resolve
    })
    const bad = dealerWorker(ports.back, atEnd, (frames) => {
      numbers.push(stampNumber(frames.at(-3)!))
      taken()
      return null
    })
    await until(() => broker.output().includes('a worker came'), 'the worker')
    const answer = plainClient(ports.front, atEnd)(request('sum'))
    await lost
    bad.close()
    dealerWorker(ports.back, atEnd, (frames) => {
      numbers.push(stampNumber(frames.at(-3)!))
      return echo(frames.at(-1)!)
    })
    assert.equal(((await answer) as { service: string }).service, 'sum')
    assert.deepEqual([...new Set(numbers)], [1])
    assert.ok(numbers.length >= 2)
  })
})

test('a worker that is killed under load loses nothing', async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startBroker(atEnd)
    const code = `
      const { Dealer } = require('zeromq')
      const { encode, decode } = require('@msgpack/msgpack')
      const socket = new Dealer()
      socket.connect('${local(ports.back)}')
      ;(async () => {
        for await (const frames of socket) {
          const one = (e) => ({ service: e.service, id: e.id, data: { status: 'OK', n: e.data.n } })
          const body = decode(frames.at(-1))
          await socket.send([...frames.slice(0, -1), encode(Array.isArray(body) ? body.map(one) : one(body))])
        }
      })()`
    const start = () => spawn(process.execPath, ['-e', code], { cwd: root, stdio: 'inherit' })
    const workers = [start(), start(), start()]
    for (const worker of workers) atEnd(() => worker.kill('SIGKILL'))
    await until(async () => (await health(ports.health))?.body.workers === 3, 'three workers')
    const ask = plainClient(ports.front, atEnd)
    const client = connect({ broker: local(ports.front) })
    atEnd(() => client.close())
    let answered = 0
    const load = Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        for (let n = i; n < 5000; n += 50) {
          assert.equal((await client.call('echo', { n })).n, n)
          answered++
        }
      }),
    )
    for (let n = 0; n < 30; n++) {
      if (n === 10) workers[0]!.kill('SIGKILL')
      if (n === 20) workers[1]!.kill('SIGKILL')
      const reply = (await ask(request('echo', { n }))) as { data: { n: number } }
      assert.equal(reply.data.n, n)
    }
    await load
    assert.equal(answered, 5000)
  })
})

test('a broker that is killed and comes back: our client gets every reply', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    for (let i = 0; i < 3; i++) dealerWorker(ports.back, atEnd, (frames) => echo(frames.at(-1)!))
    const client = connect({ broker: local(ports.front) })
    atEnd(() => client.close())
    let answered = 0
    const load = Promise.all(
      Array.from({ length: 50 }, async () => {
        for (let n = 0; n < 100; n++) {
          assert.equal((await client.call('echo', { n })).status, 'OK')
          answered++
        }
      }),
    )
    await until(() => answered > 1000, 'some replies')
    broker.child.kill('SIGKILL')
    await until(() => broker.child.signalCode !== null, 'its end')
    await startBroker(atEnd, {}, ports)
    await load
    assert.equal(answered, 5000)
  })
})

test('a port in use is one clear line and exit code 1', async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startBroker(atEnd)
    const [health] = (await freePorts(1)) as [number]
    const second = startRole('broker', {
      BROKER_PORT: ports.front,
      BROKER_BACK_PORT: ports.mean,
      HEALTH_PORT: health,
    })
    await until(() => second.child.exitCode !== null, 'its end')
    assert.equal(second.child.exitCode, 1)
    assert.match(second.output(), new RegExp(`127\\.0\\.0\\.1:${ports.front} is in use`))
    assert.ok(!second.output().includes('    at '), 'no stack')
  })
})

test('without a reader clients feel back-pressure, and the broker stays small', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    const client = new Dealer({ linger: 0, sendHighWaterMark: 1, sendTimeout: 2000 })
    atEnd(() => client.close())
    client.connect(local(ports.front))
    const body = Buffer.alloc(1 << 20)
    let sent = 0
    await assert.rejects(
      async () => {
        for (; sent < 2000; sent++) await client.send(['', body])
      },
      { code: 'EAGAIN' },
    )
    const { readFileSync } = await import('node:fs')
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${broker.child.pid}/status`, 'utf8'))
    assert.ok(Number(resident?.[1]) < 600_000, `${resident?.[1]} kB for ${sent} messages of 1 MiB`)
    // A worker that comes gets what waits, and the client is served again.
    let served = 0
    dealerWorker(ports.back, atEnd, () => {
      served++
      return encode({ service: 'x', data: {} })
    })
    await until(() => served >= sent, 'all of it')
    await client.send(['', body])
    assert.equal((await client.receive()).length, 2)
  })
})

test('garbage at the front drops or passes, and the broker goes on', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    const bodies: number[] = []
    dealerWorker(ports.back, atEnd, (frames) => {
      bodies.push(frames.at(-1)!.length)
      return encode({ service: '', data: { status: 'OK' } })
    })
    const rogue = new Dealer({ linger: 0 })
    atEnd(() => rogue.close())
    rogue.connect(local(ports.front))
    for (const frames of [['x'], [''], ['x', 'y'], ['', 'x', 'y'], ['', '', 'x'], Array(200).fill('x')]) {
      await rogue.send(frames)
    }
    for (const body of ['', 'garbage', Buffer.alloc(1200, 0xdd)]) {
      await rogue.send(['', body])
      assert.equal((await rogue.receive()).length, 2)
    }
    assert.deepEqual(bodies, [0, 7, 1200])
    const giant = new Dealer({ linger: 0 })
    atEnd(() => giant.close())
    giant.connect(local(ports.front))
    await giant.send(['', Buffer.alloc((1 << 20) + 1)])
    for (const noise of ['GET / HTTP/1.1\r\n\r\n', '\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f', '\0'.repeat(5000)]) {
      const socket = connectTcp(ports.front, '127.0.0.1')
      socket.on('error', () => {})
      socket.end(noise, 'latin1')
    }
    const ask = plainClient(ports.front, atEnd)
    await ask(request('sum'))
    await until(() => broker.output().includes('dropped a message from a client'), 'a log line about it')
    const complaints = broker.output().split('dropped a message').length - 1
    assert.ok(complaints < 6, `${complaints} lines`)
    assert.equal(broker.child.exitCode, null)
  })
})

test('a worker in Python serves one service', { skip: pythonIsMissing() }, async () => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd, { ROUTED: 'mean' })
    dealerWorker(ports.back, atEnd, (frames) => echo(frames.at(-1)!))
    const script = `${root}examples/python/worker.py`
    const python = watch(spawn('/usr/bin/python3', [script, '--broker', local(ports.mean)]))
    atEnd(() => python.stop())
    await until(() => broker.output().includes('"backEnd":"mean"'), 'the worker')
    const ask = plainClient(ports.front, atEnd)
    const mean = async (values: unknown) =>
      ((await ask(request('mean', { values }))) as { data: Record<string, unknown> }).data
    assert.equal((await mean([1, 2, 6])).mean, 3)
    assert.equal((await mean('x')).code, 'bad_request')
    assert.equal(((await ask(request('sum'))) as { data: { status: string } }).data.status, 'OK')
    const client = connect({ broker: local(ports.front) })
    atEnd(() => client.close())
    const replies = await Promise.all([
      client.call('mean', { values: [1, 3] }),
      client.call('sum', {}),
      client.call('mean', { values: [5] }),
    ])
    assert.deepEqual(
      replies.map((data) => data.mean ?? data.status),
      [2, 'OK', 5],
    )
  })
})

test('requests that nobody answers are refused in the end', async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startBroker(atEnd)
    const ask = plainClient(ports.front, atEnd)
    const [single, batch] = await Promise.all([
      ask({ service: 'sum', id: 'one', data: {} }),
      plainClient(ports.front, atEnd)([request('sum'), { service: 'mean', id: 'two', data: {} }]),
    ])
    const { id, data } = single as { id: string; data: Record<string, unknown> }
    assert.deepEqual([id, data.status, data.code, data.retriable], ['one', 'erro', 'unavailable', true])
    assert.ok(Number.isSafeInteger(data.clock) && Number.isSafeInteger(data.timestamp))
    assert.equal((batch as unknown[]).length, 2)
    assert.equal((batch as { id: string }[])[1]!.id, 'two')
  })
})
