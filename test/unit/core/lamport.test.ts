import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClock, merge, mergeClient, mergeTrusted, tick } from '../../../src/core/lamport.ts'

test('+1 before each send, the larger of both on each receive', () => {
  assert.equal(tick(41), 42)
  assert.equal(merge(5, 9), 9)
  assert.equal(merge(9, 5), 9)
  assert.throws(() => tick(Number.MAX_SAFE_INTEGER), /2\^53-1/)
})

test('a client is believed up to 2^20 ahead, who says it is one of ours up to 2^51', () => {
  assert.equal(mergeClient(5, 5 + 2 ** 20), 5 + 2 ** 20)
  assert.equal(mergeClient(5, 6 + 2 ** 20), 5)
  assert.equal(mergeTrusted(0, 2 ** 51), 2 ** 51)
  assert.equal(mergeTrusted(7, 2 ** 51 + 1), 7)
  assert.equal(mergeTrusted(2 ** 51 + 9, 3), 2 ** 51 + 9)
})

test('a clock of its own: ticks, merges, ignores what is none', () => {
  const clock = createClock()
  assert.equal(clock.tick(), 1)
  clock.merge(40)
  for (const nonsense of [undefined, null, 'x', -1, 1.5, 2 ** 53, [99]]) clock.merge(nonsense)
  assert.equal(clock.now, 40)
  assert.equal(clock.tick(), 41)
})
