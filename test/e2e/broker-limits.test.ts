import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { Dealer } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { decode, encode } from '../../src/protocol/codec.ts'
import { freePorts, local, pythonIsMissing, root, startRole, until, watch, withCleanup } from './broker-harness.ts'
import { dealerWorker, echo, plainClient, request, startBroker } from './broker-parts.ts'

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
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${broker.child.pid}/status`, 'utf8'))
    assert.ok(Number(resident?.[1]) < 600_000, `${resident?.[1]} kB for ${sent} messages of 1 MiB`)
    // A pause that is longer than heartbeats last does not cost the client its connection, and so its replies.
    await new Promise((resolve) => setTimeout(resolve, 5000))
    // A worker that comes gets what waits, and the client is served again.
    dealerWorker(ports.back, atEnd, () => encode({ service: 'x', data: {} }))
    // Should all this take long, the broker itself refuses some: they are answered, too.
    let answered = 0
    let last: unknown
    const read = async (): Promise<void> => {
      for await (const [empty, reply] of client) {
        assert.equal(empty?.length, 0)
        answered++
        last = decode(reply!)
      }
    }
    void read().catch(() => {})
    await until(() => answered >= sent, 'an answer to each')
    await client.send(['', body])
    await until(() => answered > sent, 'the next answer')
    assert.deepEqual(last, { service: 'x', data: {} })
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
    assert.equal((await mean([1, 2, 6])).result, 3)
    assert.equal((await mean('x')).code, 'bad_request')
    assert.equal(((await ask(request('sum'))) as { data: { status: string } }).data.status, 'OK')
    const client = connect({ broker: local(ports.front) })
    atEnd(() => client.close())
    const replies = await Promise.all([
      client.call('mean', { values: [1, 3] }),
      client.call('anything', {}),
      client.call('mean', { values: [5] }),
    ])
    assert.deepEqual(
      replies.map((data) => data.result ?? data.status),
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
