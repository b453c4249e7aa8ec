import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { lastClock, setLastClock, WIDE } from '../../../src/protocol/carried.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import { Forward, TOPIC_BYTES } from '../../../src/proxy/forward.ts'

function start(): { forward: Forward; down: Uint8Array[][]; up: Uint8Array[][] } {
  const down: Uint8Array[][] = []
  const up: Uint8Array[][] = []
  const forward = new Forward({
    log: pino({ level: 'silent' }),
    toSubscribers: (frames) => down.push(frames),
    toPublishers: (frames) => up.push(frames),
  })
  return { forward, down, up }
}
const subscribe = (topic: string): Buffer[] => [Buffer.from(`\x01${topic}`)]
const unsubscribe = (topic: string): Buffer[] => [Buffer.from(`\x00${topic}`)]

test('publications of two frames pass untouched, others do not', () => {
  const { forward, down } = start()
  const frames = [Buffer.from('samba'), Buffer.from('body')]
  forward.publication(frames)
  forward.publication([Buffer.from('alone')])
  forward.publication([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')])
  assert.deepEqual(down, [frames])
})

test("a publication raises the proxy's clock and leaves with it, and another's passes as it is", () => {
  const { forward, down } = start()
  const body = Buffer.from(encode([{ clock: 3 }, { clock: 4, message: 'olá', sent: WIDE }]))
  setLastClock(body, 'sent', 40)
  forward.publication([Buffer.from('samba'), body])
  assert.equal(forward.clock, 41)
  assert.equal(lastClock(Buffer.from(down[0]![1]!), 'sent'), 41)
  const foreign = Buffer.from(encode({ type: 'publication', clock: 90 }))
  const before = Buffer.from(foreign)
  forward.publication([Buffer.from('samba'), foreign])
  assert.equal(forward.clock, 91)
  assert.deepEqual(down[1]![1], before)
  forward.publication([Buffer.from('samba'), Buffer.from(encode({ clock: 2 ** 50 }))])
  assert.equal(forward.clock, 92, 'a stranger is not believed however far ahead it is')
})

test('subscriptions go up once and are taken back once', () => {
  const { forward, up } = start()
  forward.subscription(subscribe('samba'))
  forward.subscription(subscribe('samba'))
  forward.subscription(unsubscribe('samba'))
  forward.subscription(unsubscribe('samba'))
  forward.subscription(subscribe(''))
  assert.deepEqual(up, [subscribe('samba'), unsubscribe('samba'), subscribe('')])
  assert.equal(forward.topics, 1)
})

test('garbage from subscribers goes nowhere', () => {
  const { forward, up } = start()
  forward.subscription([Buffer.alloc(0)])
  forward.subscription([Buffer.from('\x02samba')])
  forward.subscription([Buffer.from('\x01a'), Buffer.from('b')])
  forward.subscription(subscribe('x'.repeat(TOPIC_BYTES + 1)))
  forward.subscription(subscribe('x'.repeat(TOPIC_BYTES)))
  assert.deepEqual(up, [subscribe('x'.repeat(TOPIC_BYTES))])
})

test('who asks for a welcome gets one, of two frames, and publishers hear nothing of it', () => {
  const { forward, up, down } = start()
  forward.subscription(subscribe('servers/welcome/me'))
  forward.subscription(unsubscribe('servers/welcome/me'))
  assert.equal(up.length, 0)
  assert.equal(down.length, 1)
  assert.equal(Buffer.from(down[0]![0]!).toString(), 'servers/welcome/me')
  const { timestamp, ...welcome } = decode(down[0]![1]!) as Record<string, unknown>
  assert.deepEqual(welcome, { type: 'welcome', clock: 1 })
  assert.ok(Number.isSafeInteger(timestamp))
})
