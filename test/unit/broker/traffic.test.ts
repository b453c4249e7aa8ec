import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { MOST_RETURNS, type Request } from '../../../src/broker/dispatch.ts'
import { MAX_WAITING, type Outlet, Traffic } from '../../../src/broker/traffic.ts'
import { lastClock, setLastClock, WIDE } from '../../../src/protocol/carried.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import { mayHandBack, restamp, stampClock, stampNumber, writeStamp } from '../../../src/protocol/stamp.ts'

const BOOT = Buffer.alloc(8, 1)
const EMPTY = Buffer.alloc(0)

function start(): {
  traffic: Traffic
  sent: Buffer[][][]
  replies: Uint8Array[][]
  outlet(state: Partial<Outlet>): void
} {
  const replies: Uint8Array[][] = []
  const sent: Buffer[][][] = []
  const traffic = new Traffic({
    boot: BOOT,
    limits: { redispatchMs: 500, maxRequests: 10, maxBytes: 10_000 },
    log: pino({ level: 'silent' }),
    toClient: (frames) => replies.push(frames),
  })
  const outlet = (state: Partial<Outlet>): void => {
    const mine: Buffer[][] = []
    sent.push(mine)
    const send = (request: Request): void => {
      mine.push(traffic.toFrames(request, 0))
    }
    traffic.outlets.push({ name: 'servers', workers: 1, waiting: 0, open: true, send, ...state })
  }
  outlet({})
  return { traffic, sent, replies, outlet }
}

const ask = (service: string): Buffer => Buffer.from(encode({ service, id: 'i', data: {} }))

test('a request is stamped before the empty frame and its reply finds the client', () => {
  const { traffic, sent, replies } = start()
  traffic.request([Buffer.from('id'), Buffer.from('more'), EMPTY, ask('sum')], 0)
  const [id, more, stamp, empty, body] = sent[0]![0]!
  assert.deepEqual(
    [`${id}`, `${more}`, stampNumber(stamp!), stampClock(stamp!), empty!.length],
    ['id', 'more', 1, 1, 0],
  )
  traffic.reply([id!, more!, restamp(stamp!, 41), empty!, Buffer.from('answer')], 1)
  assert.deepEqual(replies.map(String), ['id,more,,answer'])
  assert.equal(traffic.clock, 42, 'received at 41, sent on at 42')
  assert.deepEqual(body, ask('sum'))
  traffic.reply([id!, stamp!, empty!, Buffer.from('again')], 2)
  assert.equal(replies.length, 1)
  assert.equal(traffic.counts.late, 1)
  traffic.request([Buffer.from('id'), EMPTY, ask('sum')], 3)
  assert.equal(stampClock(sent[0]![1]![1]!), 43)
})

test('the clocks of clients and workers raise the broker, and what it passes on carries its own', () => {
  const { traffic, sent, replies } = start()
  const request = (clock: number): Buffer => Buffer.from(encode({ service: 'sum', data: { clock } }))
  traffic.request([Buffer.from('id'), EMPTY, request(70)], 0)
  const [id, stamp, empty] = sent[0]![0]!
  assert.equal(stampClock(stamp!), 71)
  traffic.request([Buffer.from('id'), EMPTY, request(2 ** 50)], 0)
  assert.equal(traffic.clock, 72, 'a client that is absurdly far ahead is not believed')
  const answer = Buffer.from(encode({ service: 'sum', data: { result: 3, timestamp: 1, clock: WIDE } }))
  setLastClock(answer, 'clock', 80)
  traffic.reply([id!, restamp(stamp!, 80), empty!, answer], 1)
  assert.equal(lastClock(Buffer.from(replies[0]!.at(-1)!), 'clock'), 81)
  // A worker of another language keeps its clock in the body, and late replies are received too.
  traffic.reply([id!, stamp!, empty!, request(90)], 2)
  assert.equal(traffic.clock, 90)
  traffic.reply([id!, restamp(stamp!, 2 ** 53 - 1), empty!, EMPTY], 2)
  assert.equal(traffic.clock, 90, 'nobody counts that far')
})

test('a reply to another run of the broker goes nowhere', () => {
  const { traffic, sent, replies } = start()
  traffic.request([Buffer.from('id'), EMPTY, ask('sum')], 0)
  traffic.reply([Buffer.from('id'), writeStamp(Buffer.alloc(8, 2), 1, 9), EMPTY, EMPTY], 1)
  assert.equal(replies.length, 0)
  assert.equal(traffic.clock, 9, 'received all the same')
  assert.equal(traffic.unanswered, 1)
  assert.equal(sent[0]!.length, 1)
})

test('malformed messages are counted and dropped', () => {
  const { traffic, sent, replies } = start()
  traffic.request([Buffer.from('id'), Buffer.from('no delimiter')], 0)
  traffic.reply([Buffer.from('id'), EMPTY, EMPTY], 0)
  assert.equal(traffic.counts.malformed, 2)
  assert.equal(sent[0]!.length + replies.length, 0)
})

test('routes: by service, mixed batches and the unreadable to the servers', () => {
  const { traffic, sent, outlet } = start()
  outlet({ name: 'mean' })
  traffic.routes.set('mean', 1)
  const from = Buffer.from('id')
  traffic.request([from, EMPTY, ask('mean')], 0)
  traffic.request([from, EMPTY, ask('sum')], 0)
  traffic.request([from, EMPTY, Buffer.from(encode([{ service: 'mean' }, { service: 'sum' }]))], 0)
  traffic.request([from, EMPTY, Buffer.from([0xc1])], 0)
  assert.deepEqual([sent[0]!.length, sent[1]!.length], [3, 1])
})

test('a full route refuses at once, the main back end makes clients wait', () => {
  const { traffic, replies, outlet } = start()
  outlet({ name: 'mean', waiting: MAX_WAITING })
  traffic.routes.set('mean', 1)
  traffic.request([Buffer.from('id'), EMPTY, ask('mean')], 0)
  const reply = decode(replies[0]![2]!) as { id: string; data: { code: string } }
  assert.deepEqual([reply.id, reply.data.code], ['i', 'unavailable'])
  assert.equal(traffic.unanswered, 0)
  assert.equal(traffic.full, false)
  traffic.outlets[0] = { ...traffic.outlets[0]!, waiting: MAX_WAITING }
  assert.equal(traffic.full, true)
})

test('what nobody answers is sent again, and refused in the end', () => {
  const { traffic, sent, replies } = start()
  traffic.request([Buffer.from('id'), EMPTY, ask('sum')], 0)
  traffic.sweep(500)
  assert.equal(sent[0]!.length, 2)
  const numbers = sent[0]!.map((frames) => stampNumber(frames[1]!))
  assert.deepEqual(numbers, [1, 1])
  assert.ok(stampClock(sent[0]![1]![1]!) > stampClock(sent[0]![0]![1]!))
  traffic.sweep(15_000)
  assert.equal((decode(replies[0]![2]!) as { data: { code: string } }).data.code, 'unavailable')
  assert.equal(traffic.unanswered, 0)
})

test('what a worker hands back goes to the next under its number, and after a few times somebody has to answer', () => {
  const { traffic, sent, replies } = start()
  traffic.request([Buffer.from('id'), EMPTY, ask('sum')], 0)
  for (let returned = 0; returned < MOST_RETURNS; returned++) {
    const [id, stamp, empty] = sent[0]![returned]!
    assert.equal(mayHandBack(stamp!), true)
    traffic.reply([id!, restamp(stamp!, 41 + returned), empty!, EMPTY], 1)
    assert.equal(stampNumber(sent[0]![returned + 1]![1]!), 1)
  }
  const [id, stamp, empty] = sent[0]!.at(-1)!
  assert.equal(mayHandBack(stamp!), false)
  assert.ok(stampClock(stamp!) > 41 + MOST_RETURNS - 1, 'the clock of who handed it back was merged')
  assert.equal(traffic.counts.returned, MOST_RETURNS)
  traffic.reply([id!, stamp!, empty!, Buffer.from('answer')], 2)
  assert.equal(replies.length, 1)
  traffic.reply([sent[0]![0]![0]!, sent[0]![0]![1]!, EMPTY, EMPTY], 3)
  assert.equal(traffic.counts.late, 1, 'handed back when it was answered already')
  assert.equal(sent[0]!.length, MOST_RETURNS + 1)
})
