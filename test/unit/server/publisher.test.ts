import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastClock } from '../../../src/protocol/carried.ts'
import { decode } from '../../../src/protocol/codec.ts'
import type { Data } from '../../../src/protocol/envelope.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'
import { encodeMaps } from '../../../src/server/publisher.ts'

const maps = (count: number, text = ''): Data[] => Array.from({ length: count }, (_, n) => ({ n, text, clock: n }))
const decoded = (bodies: Uint8Array[]): unknown[] => bodies.map((body) => decode(body))
const sentAt = (bodies: Uint8Array[]): (number | null)[] => bodies.map((body) => lastClock(Buffer.from(body), 'sent'))
/** A clock that stands at 40. */
function clock(): () => number {
  let now = 40
  return () => ++now
}

test('few publications of a topic go out one by one, as old subscribers read them, each sent at a time of its own', () => {
  for (const count of [1, 2, 7]) {
    const bodies = encodeMaps(maps(count), clock())
    assert.deepEqual(
      decoded(bodies),
      maps(count).map((map, i) => ({ ...map, sent: 41 + i })),
    )
    assert.deepEqual(
      sentAt(bodies),
      maps(count).map((_, i) => 41 + i),
    )
  }
})

test('many go out as one array, and as several when they are large; the last map says when', () => {
  const all = maps(8)
  assert.deepEqual(decoded(encodeMaps(all, clock())), [[...all.slice(0, -1), { ...all.at(-1), sent: 41 }]])
  const large = maps(40, 'x'.repeat(60_000))
  const bodies = encodeMaps(large, clock())
  assert.ok(bodies.length > 1 && bodies.every((body) => body.length <= LIMITS.frameBytes))
  assert.deepEqual(
    sentAt(bodies),
    bodies.map((_, i) => 41 + i),
  )
  const flat = decoded(bodies).flat() as Data[]
  assert.deepEqual(
    flat.map(({ sent, ...map }) => map),
    large,
  )
})
