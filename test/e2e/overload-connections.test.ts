/** Thousands of connections that do nothing, and clients that never read: alone with a broker and a proxy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '../../src/protocol/codec.ts'
import { until, withCleanup } from './broker-harness.ts'
import { dealerWorker, echo, plainClient, request, startBroker } from './broker-parts.ts'
import { collect, publication, publisher, publishUntil, startProxy, subscriber } from './proxy-parts.ts'
import { peakOf } from './support/memory.ts'
import { waitFor } from './support/wait.ts'
import { openPeer, type RawPeer, requestFrames } from './support/zmtp.ts'

const IDLE = 2000
/** docs/overload.md: what a connection takes that does nothing, and a process without any. */
const IDLE_KIB = 50
const EMPTY_MIB = 120
const BOUND_MIB = 512
/** On a machine that does ten other things, too. */
const CONNECT_MS = 120_000

/** Opens so many, fifty at a time; a handshake that a busy machine does not finish within its limit is begun again. */
async function openMany(count: number, open: () => Promise<RawPeer>, atEnd: (undo: () => unknown) => void) {
  const peers: RawPeer[] = []
  atEnd(() => {
    for (const peer of peers) peer.close()
  })
  const openSome = async (): Promise<boolean> => {
    const opened = await Promise.allSettled(Array.from({ length: 50 }, open))
    for (const one of opened) if (one.status === 'fulfilled') peers.push(one.value)
    return peers.length >= count
  }
  await waitFor(openSome, () => `${count} connections; there are ${peers.length}`, CONNECT_MS)
  return peers
}

test('a broker with two thousand idle connections', async (t) => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    dealerWorker(ports.back, atEnd, (frames) => echo(frames.at(-1)!))
    const peers = await openMany(IDLE, () => openPeer({ port: ports.front, kind: 'DEALER' }), atEnd)
    const ask = plainClient(ports.front, atEnd)
    for (let i = 0; i < 100; i++) await ask(request('sum'))
    assert.ok(
      peers.every((peer) => peer.connected()),
      'all are still connected',
    )
    const peak = peakOf(broker.child.pid!)
    t.diagnostic(`${peak} MiB`)
    assert.ok(peak < EMPTY_MIB + (IDLE * IDLE_KIB) / 1024, `${peak} MiB`)
  })
})

test('a proxy with two thousand idle subscribers', async (t) => {
  await withCleanup(async (atEnd) => {
    const { ports, proxy } = await startProxy(atEnd)
    const source = publisher(ports.in, atEnd)
    const open = () => openPeer({ port: ports.out, kind: 'SUB', topic: 'nobody writes here' })
    const peers = await openMany(IDLE, open, atEnd)
    const messages = collect(subscriber(ports.out, atEnd).subscribe('samba'))
    await publishUntil(
      source,
      () => ['samba', encode(publication('1', 'one'))],
      () => messages.length > 0,
    )
    for (let i = 2; i <= 100; i++) await source.send(['samba', encode(publication(`${i}`, 'more'))])
    await until(() => messages.length === 100, 'all publications')
    // One that is late with its sign of life, as all are when this process gets no time, is disconnected; that is right.
    assert.ok(peers.some((peer) => peer.connected()))
    const peak = peakOf(proxy.child.pid!)
    t.diagnostic(`${peak} MiB`)
    assert.ok(peak < EMPTY_MIB + (IDLE * IDLE_KIB) / 1024, `${peak} MiB`)
  })
})

test('clients that ask for large replies and never read: the broker stays small, is rid of them, and serves others', async (t) => {
  await withCleanup(async (atEnd) => {
    const { ports, broker } = await startBroker(atEnd)
    const large = encode({ service: 'large', data: { status: 'OK', items: 'x'.repeat(500_000) } })
    let served = 0
    dealerWorker(ports.back, atEnd, (frames) => {
      served++
      return frames.at(-1)!.includes('large') ? large : echo(frames.at(-1)!)
    })
    const asks = requestFrames(encode({ service: 'large', data: {} }))
    const mute = await openMany(50, () => openPeer({ port: ports.front, kind: 'DEALER', deaf: true }), atEnd)
    // Replies of 1.5 GB in all, of which the kernel's buffers take a tenth.
    for (const { socket } of mute) for (let i = 0; i < 60; i++) socket.write(asks)
    const ask = plainClient(ports.front, atEnd)
    await until(async () => {
      await ask(request('sum'))
      return served >= 3000
    }, 'everything to be served')
    const before = peakOf(broker.child.pid!)
    await until(async () => {
      await ask(request('sum'))
      return mute.every((peer) => !peer.connected())
    }, 'those that do not read to be disconnected')
    const peak = peakOf(broker.child.pid!)
    t.diagnostic(`${before} MiB while they are connected, ${peak} MiB in all`)
    assert.ok(peak < BOUND_MIB, `${peak} MiB`)
  })
})
