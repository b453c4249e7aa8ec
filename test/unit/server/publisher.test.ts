import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastClock } from '../../../src/protocol/carried.ts'
import { decode } from '../../../src/protocol/codec.ts'
import { encodeMaps } from '../../../src/server/publisher.ts'

test('a publication ends with the Lamport time of its message, and keeps that of its event', () => {
  let clock = 40
  const next = (): number => ++clock
  const [one] = encodeMaps([{ message: 'a', clock: 7 }], next)
  assert.deepEqual(decode(one!), { message: 'a', clock: 7, sent: 41 })
  const [two] = encodeMaps([{ clock: 7 }, { clock: 8 }], next)
  assert.deepEqual(decode(two!), [{ clock: 7 }, { clock: 8, sent: 42 }])
  assert.equal(lastClock(Buffer.from(two!), 'sent'), 42)
})

test('what is too large for one message becomes several, each sent at a time of its own', () => {
  let clock = 0
  const maps = Array.from({ length: 20 }, (_, i) => ({ message: 'm'.repeat(60_000), clock: i }))
  const bodies = encodeMaps(maps, () => ++clock)
  assert.ok(bodies.length > 1)
  assert.deepEqual(
    bodies.map((body) => lastClock(Buffer.from(body), 'sent')),
    bodies.map((_, i) => i + 1),
  )
  const clocks = bodies.flatMap((body) => [decode(body)].flat()).map((map) => (map as { clock: number }).clock)
  assert.deepEqual(
    clocks,
    maps.map((map) => map.clock),
  )
})
