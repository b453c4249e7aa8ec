import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { Dealer, Subscriber, XSubscriber } from 'zeromq'
import { encode } from '../../src/protocol/codec.ts'
import { local, pythonIsMissing, root, until, watch, withCleanup } from './broker-harness.ts'
import { collect, publication, publisher, publishUntil, startProxy, subscriber } from './proxy-parts.ts'

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
    const direct = { type: 'message', src: 'bia', dst: 'ana', message: 'psst', clock: 4, id: 'a' }
    // As through two proxies, or after a server died: alone and in an array.
    await source.send(['ana', encode(direct)])
    await source.send(['ana', encode([direct, { ...direct, message: 'the last', id: 'b' }])])
    await until(() => python.output().includes('bia to ana: the last'), 'the direct messages')
    assert.equal(python.output().split('bia to ana: psst').length, 2, 'the same id is shown once')
    assert.ok(!python.output().includes('not for ana'))
  })
})
