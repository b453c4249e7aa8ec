import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBody, readClock, readEnvelope, readTimestamp } from '../../../src/protocol/envelope.ts'
import { errorData, quote } from '../../../src/protocol/errors.ts'
import { checkName, checkText } from '../../../src/protocol/names.ts'
import {
  isStamp,
  restamp,
  stampClock,
  stampedBy,
  stampId,
  stampNumber,
  writeStamp,
} from '../../../src/protocol/stamp.ts'

test('timestamps are read in every form that clients send', () => {
  const ms = Date.UTC(2025, 10, 21, 2, 0, 0)
  for (const form of [
    ms,
    ms / 1000,
    ms + 0.25,
    '2025-11-21T02:00:00Z',
    '2025-11-21T02:00:00.000+00:00',
    new Date(ms),
    String(ms),
    `${ms / 1000}.25`,
  ])
    assert.equal(Math.round(readTimestamp(form)! / 1000), ms / 1000, String(form))
  for (const none of [undefined, null, 'yesterday', '', -1, Number.NaN, new Date(Number.NaN), {}])
    assert.equal(readTimestamp(none), null)
})

test('an envelope without id, clock and timestamp is fine', () => {
  assert.deepEqual(readEnvelope({ service: 'users', data: {} }), {
    service: 'users',
    id: null,
    data: {},
    clock: 0,
    wrong: null,
  })
})

test('a clock is a whole number, or its digits', () => {
  for (const [form, clock] of [
    ...[[undefined, 0] as const, [null, 0] as const, [0, 0] as const, [7, 7] as const],
    ...[['7', 7] as const, ['0', 0] as const, [String(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER] as const],
  ])
    assert.equal(readClock(form), clock, String(form))
  for (const none of ['', ' 7', '7.0', '-1', '1e3', '0x7', '9007199254740992', '9'.repeat(400), -1, 1.5, true, [7], {}])
    assert.equal(readClock(none), null, String(none))
})

test('text that came as bytes is text; bytes that are none stay bytes', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const data = { user: bytes('João'), channel: Uint8Array.of(0xff), message: bytes('\ufeffoi'), clock: bytes('7') }
  const read = readEnvelope({ service: bytes('publish'), id: bytes('a'), data })
  assert.equal(read.wrong, null)
  assert.deepEqual([read.service, read.id, read.clock], ['publish', 'a', 7])
  assert.deepEqual(read.data, { user: 'João', channel: Uint8Array.of(0xff), message: '\ufeffoi', clock: '7' })
  assert.ok(data.user instanceof Uint8Array, 'what was given stays as it was')
})

for (const [name, value] of Object.entries({
  'not a map': 7,
  'a service that is bytes but no text': { service: Uint8Array.of(0xff) },
  'a clock that is no number': { service: 'users', data: { clock: 'soon' } },
  'no service': { data: {} },
  'data of another type': { service: 'users', data: [] },
  'a clock beyond the safe integers': { service: 'users', data: { clock: 2 ** 60 } },
  'a negative clock': { service: 'users', data: { clock: -1 } },
  'a fractional clock': { service: 'users', data: { clock: 1.5 } },
  'an id with a control character': { service: 'users', id: 'a\nb', data: {} },
  'an id that is a number': { service: 'users', id: 7, data: {} },
})) {
  test(`refused: ${name}`, () => assert.equal(readEnvelope(value).wrong?.code, 'bad_request'))
}

test('a batch has 1 to 1,000 envelopes', () => {
  const one = { service: 'users', data: {} }
  assert.equal(readBody([one, one]).batch, true)
  assert.equal(readBody([]).requests[0]?.wrong?.code, 'bad_request')
  assert.equal(readBody(Array(1001).fill(one)).requests[0]?.wrong?.code, 'too_large')
})

test('names: what may be one', () => {
  for (const good of ['ana', 'João', '../etc', 'a b', '🎶', 'x'.repeat(64), 'serve'])
    assert.equal(checkName(good, 'user'), null, good)
  for (const bad of ['', 'x'.repeat(65), 'a\nb', 'a\u0000', '\u202eana', '\ud800', 7, null, undefined, {}])
    assert.equal(checkName(bad, 'user')?.code, 'bad_request', String(bad))
  for (const reserved of ['replica', 'replica/1', 'servers', 'servers2'])
    assert.equal(checkName(reserved, 'user')?.code, 'reserved_name')
})

test('texts are well-formed and at most 64 KiB', () => {
  assert.equal(checkText('é'.repeat(32 * 1024), 'message'), null)
  assert.equal(checkText('é'.repeat(32 * 1024 + 1), 'message')?.code, 'too_large')
  assert.equal(checkText('\udc00', 'message')?.code, 'bad_request')
})

test('quoted text cannot forge a line', () => {
  assert.equal(quote('a\nb\u2028\u009b\u202e'), '"a\\nb\\u2028\\u009b\\u202e"')
  assert.ok(quote('x'.repeat(1000)).length < 50)
})

test('an error carries its text under both names', () => {
  const data = errorData({ code: 'unavailable', description: 'later' })
  assert.deepEqual(data, {
    status: 'erro',
    code: 'unavailable',
    description: 'later',
    message: 'later',
    retriable: true,
  })
})

test('a stamp goes there and back', () => {
  const boot = Buffer.from('0011223344556677', 'hex')
  const stamp = writeStamp(boot, 2 ** 40 + 5, 2 ** 52)
  assert.ok(isStamp(stamp) && stampedBy(stamp, boot))
  assert.equal(stampNumber(stamp), 2 ** 40 + 5)
  assert.equal(stampClock(restamp(stamp, 77)), 77)
  assert.equal(stampNumber(restamp(stamp, 77)), 2 ** 40 + 5)
  assert.notEqual(stampId(stamp, 0), stampId(stamp, 1))
  assert.equal(stampClock(Buffer.alloc(24, 0xff)), 0)
})
