import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Outbox } from '../../../src/broker/outbox.ts'
import type { Frames } from '../../../src/platform/sockets.ts'

const LIMITS = { clientBytes: 1000, clientMessages: 50, bytes: 2000 }

/** Clients with room for so many messages each; nobody else is there. */
function setUp(room: Record<string, number>) {
  const got: string[] = []
  const counts = { dropped: 0, attempts: 0 }
  const outbox = new Outbox({
    limits: LIMITS,
    onDrop: () => counts.dropped++,
    async send(frames: Frames) {
      counts.attempts++
      const [identity, , body] = frames as Buffer[]
      const name = String(identity)
      if (room[name] === undefined) throw Object.assign(new Error('gone'), { code: 'EHOSTUNREACH' })
      if (room[name] === 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' })
      room[name]--
      got.push(`${name} ${body!.toString().trim()}`)
    },
  })
  const send = (name: string, text: string, bytes = 10): void =>
    outbox.send([Buffer.from(name), Buffer.alloc(0), Buffer.from(text.padEnd(bytes - name.length))])
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await nextTurn()
  }
  return { outbox, room, got, counts, send, settle }
}

test('who has room gets all at once, who has none gets it later and in order, and keeps nobody waiting', async () => {
  const { outbox, room, got, send, settle } = setUp({ ana: 100, bia: 2 })
  for (let i = 0; i < 5; i++) {
    send('bia', `${i}`)
    send('ana', `${i}`)
  }
  await settle()
  assert.deepEqual(
    got.filter((line) => line.startsWith('ana')),
    ['ana 0', 'ana 1', 'ana 2', 'ana 3', 'ana 4'],
  )
  assert.deepEqual(
    got.filter((line) => line.startsWith('bia')),
    ['bia 0', 'bia 1'],
  )
  assert.equal(outbox.bytes, 30)
  room.bia = 1
  outbox.flush()
  await settle()
  send('bia', '5')
  room.bia = 100
  outbox.flush()
  await settle()
  assert.deepEqual(
    got.filter((line) => line.startsWith('bia')),
    ['bia 0', 'bia 1', 'bia 2', 'bia 3', 'bia 4', 'bia 5'],
  )
  assert.equal(outbox.bytes, 0)
})

test('bounded for each client and for all: the newest are dropped', async () => {
  const { outbox, counts, send, settle } = setUp({ ana: 0, bia: 0, eva: 0, rui: 0 })
  for (let i = 0; i < 8; i++) send('ana', `${i}`, 200)
  await settle()
  assert.equal(outbox.bytes, 1000)
  assert.equal(counts.dropped, 3)
  for (let i = 0; i < 60; i++) send('bia', `${i}`, 5)
  await settle()
  assert.equal(outbox.bytes, 1250)
  for (let i = 0; i < 8; i++) send('eva', `${i}`, 200)
  await settle()
  assert.equal(outbox.bytes, 1850)
  send('rui', 'x', 200)
  await settle()
  assert.equal(outbox.bytes, 1850)
})

test('what waits for a client that went is dropped; clients that never read are not tried without end', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `c${i}`)
  const { outbox, room, counts, send, settle } = setUp(Object.fromEntries(names.map((name) => [name, 0])))
  for (const name of names) for (let i = 0; i < 3; i++) send(name, `${i}`, 5)
  await settle()
  const before = counts.attempts
  await settle()
  assert.equal(counts.attempts, before, 'nobody took anything, so nobody is tried before the next flush')
  outbox.flush()
  await settle()
  assert.equal(counts.attempts, before + 32)
  for (const name of names) delete room[name]
  outbox.flush()
  await settle()
  assert.equal(outbox.bytes, 0)
  assert.equal(counts.dropped, 120)
})
