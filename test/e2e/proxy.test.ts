import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Subscriber } from 'zeromq'
import { encode } from '../../src/protocol/codec.ts'
import { health, local, until, withCleanup } from './broker-harness.ts'
import { collect, publication, publisher, publishUntil, startProxy, subscriber } from './proxy-parts.ts'

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
