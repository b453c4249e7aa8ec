import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { Dealer, Publisher, Subscriber, XSubscriber } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { encode } from '../../src/protocol/codec.ts'
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
type Ports = { in: number; out: number; health: number }

async function startProxy(atEnd: AtEnd, given?: Ports): Promise<{ ports: Ports; proxy: Running }> {
  const [input, output, healthPort] = (await freePorts(3)) as [number, number, number]
  const ports = given ?? { in: input, out: output, health: healthPort }
  const proxy = startRole('proxy', { PROXY_IN_PORT: ports.in, PROXY_OUT_PORT: ports.out, HEALTH_PORT: ports.health })
  atEnd(() => proxy.stop())
  await until(async () => (await health(ports.health))?.status === 200, 'the proxy')
  return { ports, proxy }
}

function publisher(port: number, atEnd: AtEnd): Publisher {
  const socket = new Publisher({ linger: 0 })
  atEnd(() => socket.close())
  socket.connect(local(port))
  return socket
}

/** A client that only subscribes; no broker is needed for that. */
function subscriber(port: number, atEnd: AtEnd) {
  const client = connect({ broker: 'tcp://127.0.0.1:9', proxy: local(port) })
  atEnd(() => client.close(0))
  return client
}

/** Publishes again and again until it is heard: a publisher does not know when it is connected. */
async function publishUntil(
  socket: Publisher,
  frames: () => (string | Uint8Array)[],
  heard: () => boolean,
): Promise<void> {
  await until(async () => {
    if (heard()) return true
    await socket.send(frames())
    return false
  }, 'a publication to arrive')
}

const publication = (id: string, message: string) => ({ type: 'publication', id, message, clock: 5 })

/** Collects what a subscription brings. */
function collect(subscription: AsyncIterable<Record<string, unknown>>): string[] {
  const messages: string[] = []
  void (async () => {
    for await (const map of subscription) messages.push(String(map.message))
  })()
  return messages
}

test('publications reach subscribers: whole topics, arrays, no repeats, in order', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, proxy } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const client = subscriber(ports.out, atEnd)
    const ana = client.subscribe('ana')
    const anabela = client.subscribe('anabela')
    const toAna = collect(ana)
    const toAnabela = collect(anabela)
    await ana.ready
    await anabela.ready
    await publishUntil(
      source,
      () => ['ana', encode(publication('first', 'first'))],
      () => toAna.length > 0,
    )
    await source.send(['anabela', encode(publication('x', 'for anabela'))])
    await source.send([
      'ana',
      encode([publication('first', 'repeat'), publication('2', 'two'), publication('3', 'three')]),
    ])
    await until(() => toAna.length >= 3 && toAnabela.length >= 1, 'the rest')
    assert.deepEqual(toAna, ['first', 'two', 'three'])
    assert.deepEqual(toAnabela, ['for anabela'])
    ana.close()
    assert.equal(await proxy.stop(), 0)
  })
})

test('subscriptions become ready, one after the other, and hear what is published then', async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const client = subscriber(ports.out, atEnd)
    const warm = client.subscribe('warm')
    const warmed = collect(warm)
    await publishUntil(
      source,
      () => ['warm', encode(publication('w', 'w'))],
      () => warmed.length > 0,
    )
    for (let i = 0; i < 20; i++) {
      const subscription = client.subscribe(`topic-${i}`)
      const messages = collect(subscription)
      await subscription.ready
      await publishUntil(
        source,
        () => [`topic-${i}`, encode(publication(`${i}`, `${i}`))],
        () => messages.length > 0,
      )
      assert.deepEqual(messages, [`${i}`])
      subscription.close()
    }
  })
})

test('who did not ask for a welcome gets none', async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const plain = new Subscriber({ linger: 0 })
    atEnd(() => plain.close())
    plain.connect(local(ports.out))
    plain.subscribe('samba')
    const received: string[] = []
    void (async () => {
      for await (const [topic, body] of plain) received.push(`${topic} ${body?.length}`)
    })()
    const client = subscriber(ports.out, atEnd)
    await client.subscribe('samba').ready
    await publishUntil(
      source,
      () => ['samba', 'x'],
      () => received.length > 0,
    )
    assert.deepEqual([...new Set(received)], ['samba 1'])
  })
})

test('subscriptions survive a restart of the proxy', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, proxy } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const client = subscriber(ports.out, atEnd)
    const subscription = client.subscribe('samba')
    const messages = collect(subscription)
    await publishUntil(
      source,
      () => ['samba', encode(publication('1', 'before'))],
      () => messages.length === 1,
    )
    proxy.child.kill('SIGKILL')
    await until(async () => (await health(ports.health)) === null, 'the end of the proxy')
    await startProxy(atEnd, ports)
    await publishUntil(
      source,
      () => ['samba', encode(publication('2', 'after'))],
      () => messages.length === 2,
    )
    assert.deepEqual(messages, ['before', 'after'])
  })
})

test('garbage on both sides is dropped and the proxy goes on', async () => {
  await withCleanup(async (atEnd) => {
    const { ports, proxy } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const client = subscriber(ports.out, atEnd)
    const subscription = client.subscribe('samba')
    const messages = collect(subscription)
    await publishUntil(
      source,
      () => ['samba', encode(publication('1', 'one'))],
      () => messages.length === 1,
    )
    const all = new XSubscriber({ linger: 0 })
    atEnd(() => all.close())
    all.connect(local(ports.out))
    await all.send('\x01')
    await all.send(`\x01${'t'.repeat(500)}`)
    await all.send('\x07 neither one nor the other')
    await all.send('\x00never subscribed')
    await all.send(`\x01${'t'.repeat(5000)}`)
    const junk = [['samba'], ['samba', 'x', 'y'], ['samba', 'not msgpack'], ['samba', encode(7)], ['samba', '']]
    for (const frames of junk) await source.send(frames)
    const giant = publisher(ports.in, atEnd)
    const flood = setInterval(() => void giant.send(['samba', Buffer.alloc(8 << 20)]), 50)
    atEnd(() => clearInterval(flood))
    const wrongKind = new Dealer({ linger: 0, sendTimeout: 0 })
    atEnd(() => wrongKind.close())
    wrongKind.connect(local(ports.in))
    for (const port of [ports.in, ports.out]) {
      const socket = connectTcp(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.end('GET / HTTP/1.1\r\n\r\n')
    }
    await until(() => proxy.output().includes('dropped a'), 'a log line')
    await publishUntil(
      source,
      () => ['samba', encode(publication('2', 'two'))],
      () => messages.length === 2,
    )
    assert.deepEqual(messages, ['one', 'two'])
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${proxy.child.pid}/status`, 'utf8'))
    assert.ok(Number(resident?.[1]) < 400_000, `${resident?.[1]} kB`)
    assert.equal(proxy.child.exitCode, null)
  })
})

test('a subscriber that does not read stops nobody', async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const lazy = new Subscriber({ linger: 0, receiveHighWaterMark: 1 })
    atEnd(() => lazy.close())
    lazy.connect(local(ports.out))
    lazy.subscribe('samba')
    const client = subscriber(ports.out, atEnd)
    const subscription = client.subscribe('samba')
    const messages = collect(subscription)
    await publishUntil(
      source,
      () => ['samba', encode(publication('0', '0'))],
      () => messages.length === 1,
    )
    const text = 'x'.repeat(50_000)
    let last = 0
    await until(async () => {
      for (let i = 0; i < 20; i++) await source.send(['samba', encode(publication(`${++last}`, text))])
      return messages.length > 4000
    }, 'publications to pass the one that does not read')
  })
})

test('a subscriber in Python prints what it hears', { skip: pythonIsMissing() }, async () => {
  await withCleanup(async (atEnd) => {
    const { ports } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const script = `${root}examples/python/subscriber.py`
    const python = watch(spawn('/usr/bin/python3', [script, '--proxy', local(ports.out), 'samba', 'ana']))
    atEnd(() => python.stop())
    await until(() => python.output().includes('subscribed to samba, ana'), 'the subscription')
    const map = { type: 'publication', channel: 'samba', user: 'bia', message: 'hello', clock: 3 }
    await publishUntil(
      source,
      () => ['samba', encode([map])],
      () => python.output().includes('[samba] bia: hello'),
    )
    await source.send(['anabela', encode({ ...map, message: 'not for ana' })])
    const direct = { type: 'message', src: 'bia', dst: 'ana', message: 'psst', clock: 4 }
    await source.send(['ana', encode(direct)])
    await until(() => python.output().includes('bia to ana: psst'), 'the direct message')
    assert.ok(!python.output().includes('not for ana'))
  })
})
