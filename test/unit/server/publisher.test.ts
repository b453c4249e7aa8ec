import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../src/protocol/codec.ts'
import type { Data } from '../../../src/protocol/envelope.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'
import { encodeMaps } from '../../../src/server/publisher.ts'

const maps = (count: number, text = ''): Data[] => Array.from({ length: count }, (_, n) => ({ n, text }))
const decoded = (bodies: Uint8Array[]): unknown[] => bodies.map((body) => decode(body))

test('few publications of a topic go out one by one, as old subscribers read them', () => {
  for (const count of [1, 2, 7]) assert.deepEqual(decoded(encodeMaps(maps(count))), maps(count))
})

test('many go out as one array, and as several when they are large', () => {
  assert.deepEqual(decoded(encodeMaps(maps(8))), [maps(8)])
  const large = maps(40, 'x'.repeat(60_000))
  const bodies = encodeMaps(large)
  assert.ok(bodies.length > 1 && bodies.every((body) => body.length <= LIMITS.frameBytes))
  assert.deepEqual(decoded(bodies).flat(), large)
})
