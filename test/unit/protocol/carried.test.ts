import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { firstClock, lastClock, setLastClock, WIDE } from '../../../src/protocol/carried.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'

const bytes = (value: unknown): Buffer => Buffer.from(encode(value))

test('a wide clock at the end is read, replaced in place, and decodes as a number', () => {
  const reply = bytes({ service: 'sum', id: 'i', data: { result: 3, timestamp: 1, clock: WIDE } })
  const publication = bytes([{ clock: 4 }, { clock: 5, message: 'olá', sent: WIDE }])
  for (const [body, key] of [[reply, 'clock'] as const, [publication, 'sent'] as const])
    for (const clock of [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      assert.ok(setLastClock(body, key, clock))
      assert.equal(lastClock(body, key), clock)
    }
  setLastClock(reply, 'clock', 41)
  assert.deepEqual(decode(reply), { service: 'sum', id: 'i', data: { result: 3, timestamp: 1, clock: 41 } })
  setLastClock(publication, 'sent', 2 ** 40)
  assert.deepEqual(decode(publication), [{ clock: 4 }, { clock: 5, message: 'olá', sent: 2 ** 40 }])
})

test('what ends otherwise is left alone', () => {
  const others = [
    bytes({ data: { clock: 7 } }),
    bytes({ data: { clock: WIDE, more: 1 } }),
    bytes({ data: { sent: WIDE } }),
    bytes({ data: { lock: WIDE } }),
    Buffer.from('clock'),
    Buffer.alloc(9, 0xcf),
    Buffer.alloc(0),
  ]
  for (const body of others) {
    const before = Buffer.from(body)
    assert.equal(lastClock(body, 'clock'), null)
    assert.equal(setLastClock(body, 'clock', 3), false)
    assert.deepEqual(body, before)
  }
  const notSafe = bytes({ clock: WIDE })
  notSafe.fill(0xff, notSafe.length - 8)
  assert.equal(lastClock(notSafe, 'clock'), null)
})

test('the first clock is found wherever a client of any language puts it', () => {
  const data = { timestamp: '2026-01-01', user: 'ana', nested: { clock: 3, list: [1, [2, { clock: 5 }]] }, clock: 40 }
  assert.equal(firstClock(bytes({ service: 'publish', id: 'x', data })), 40)
  assert.equal(firstClock(bytes({ data, service: 'publish' })), 40)
  assert.equal(
    firstClock(
      bytes([
        { service: 'a', data: { clock: 9 } },
        { service: 'b', data: { clock: 8 } },
      ]),
    ),
    9,
  )
  assert.equal(firstClock(bytes({ type: 'publication', message: 'm'.repeat(70_000), clock: 300 })), 300)
  assert.equal(firstClock(bytes(Array.from({ length: 1000 }, () => ({ data: { clock: 70_000 } })))), 70_000)
  for (const clock of [0, 127, 128, 65_536, 2 ** 32, 2 ** 53 - 1])
    assert.equal(firstClock(bytes({ service: 's', data: { clock } })), clock)
  const float = Buffer.from([0x81, 0xa5, ...Buffer.from('clock'), 0xcb, 0x40, 0x44, 0, 0, 0, 0, 0, 0])
  assert.equal(firstClock(float), 40)
  assert.equal(firstClock(bytes({ data: { clock: '1234567890123456' } })), 1234567890123456)
})

test('where there is none, or it is no clock, it is 0', () => {
  for (const value of [null, 5, 'clock', [], {}, [[]], { data: 5 }, { service: 'clock' }, { data: { clock: 'late' } }])
    assert.equal(firstClock(bytes(value)), 0)
  for (const clock of [-1, 1.5, null, true, [3], { clock: 3 }]) assert.equal(firstClock(bytes({ data: { clock } })), 0)
  assert.equal(firstClock(bytes({ data: { deep: Array.from({ length: 100 }, () => 1), clock: 3 } })), 0)
})

test('no bytes whatever make it throw, loop or read beyond the end', () => {
  const prefixes = [bytes({ service: 's', data: { user: 'ana', clock: 2 ** 40 } }), bytes([{ data: { clock: 1 } }])]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.constantFrom(...prefixes), (noise, cut, prefix) => {
      for (const body of [Buffer.from(noise), Buffer.concat([prefix.subarray(0, cut), noise])]) {
        assert.ok(Number.isSafeInteger(firstClock(body)) && firstClock(body) >= 0)
        lastClock(body, 'sent')
        setLastClock(body, 'clock', 5)
      }
    }),
    { numRuns: 2000 },
  )
})
