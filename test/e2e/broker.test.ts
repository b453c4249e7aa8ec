import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { Reply } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { STAMP_BYTES, stampNumber } from '../../src/protocol/stamp.ts'
import { health, local, root, until, withCleanup } from './broker-harness.ts'
import { dealerWorker, echo, plainClient, request, startBroker } from './broker-parts.ts'

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
