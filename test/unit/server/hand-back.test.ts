/** Which requests stay when there are more than fit into the next step, and how large the next step is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientRequest } from '../../../src/core/types.ts'
import { nextShare } from '../../../src/server/engine.ts'
import { handBack } from '../../../src/server/hand-back.ts'
import type { Batch } from '../../../src/server/replies.ts'

const isWrite = (service: string): boolean => service === 'publish'
let given: string[] = []

/** A body of so many requests, of which the last `left` still wait. */
function body(
  name: string,
  count: number,
  over: { left?: number; service?: string; fixed?: boolean } = {},
): ClientRequest[] {
  const { left = count, service = 'sum', fixed = false } = over
  const requests = Array.from({ length: count }, () => ({ service, id: null, data: {}, clock: 0, wrong: null }))
  const batch: Batch = {
    ...{ requests, isArray: count > 1, answers: requests.map(() => null), missing: left, found: 0 },
    complete: () => {},
    handBack: fixed ? null : () => given.push(name),
  }
  return requests
    .map((_, index) => ({ token: { batch, index }, service, id: `${name}-${index}`, data: {}, clock: 0, stamp: 0 }))
    .slice(count - left)
}

function split(share: number, ...bodies: ClientRequest[][]): { stays: string[]; goes: string[] } {
  given = []
  const stays = handBack(bodies.flat(), share, isWrite).map(({ id }) => id.split('-')[0]!)
  return { stays: [...new Set(stays)], goes: given }
}

test('what fits into the next step stays, whole bodies beyond it go', () => {
  const singles = ['a', 'b', 'c', 'd'].map((name) => body(name, 1))
  assert.deepEqual(split(2, ...singles), { stays: ['a', 'b'], goes: ['c', 'd'] })
  assert.deepEqual(split(2, body('a', 1), body('b', 5), body('c', 1)), { stays: ['a', 'c'], goes: ['b'] })
})

test('a body that was begun goes when nothing of it was written', () => {
  assert.deepEqual(split(2, body('a', 9, { left: 5 })), { stays: [], goes: ['a'] })
  assert.deepEqual(split(2, body('a', 9, { left: 5, service: 'publish' })), { stays: ['a'], goes: [] })
  assert.deepEqual(split(2, body('a', 9, { service: 'publish' })), { stays: [], goes: ['a'] }, 'not begun')
})

test('what the broker wants answered stays', () => {
  assert.deepEqual(split(1, body('a', 3, { fixed: true }), body('b', 1)), { stays: ['a'], goes: ['b'] })
})

test('a step takes as many requests as can be done in time, and soon all of them again', () => {
  assert.equal(nextShare(2000, 100, 500), 4, 'of 5 ms each, in 20 ms')
  assert.equal(nextShare(4, 1, 1000), 1, 'one at least')
  assert.equal(nextShare(4, 4, 5), 8)
  assert.equal(nextShare(4, 1, 1), 4, 'one alone says little')
  assert.equal(nextShare(64, 64, 15), 64, 'about right')
  let share = 1
  for (let i = 0; i < 11; i++) share = nextShare(share, share, 1)
  assert.equal(share, 2000)
})
