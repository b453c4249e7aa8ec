import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { decode } from '../../../src/protocol/codec.ts'
import type { Data } from '../../../src/protocol/envelope.ts'
import type { Query } from '../../../src/protocol/service.ts'
import { createLookups, type Found } from '../../../src/server/lookups.ts'

const QUERY: Query = { log: 'publications', anyOf: [], limit: 1, before: null, after: null }

function setUp() {
  const looking: ((page: Data) => void)[] = []
  const at = { now: 0 }
  const lookups = createLookups(
    () => new Promise((resolve) => looking.push(resolve)),
    () => at.now,
  )
  const results: (Found | null)[] = []
  const ask = (count: number): void => {
    for (let i = 0; i < count; i++) void lookups.ask(QUERY, 9).then((found) => results.push(found))
  }
  const finish = async (page: Data): Promise<void> => {
    looking.shift()!(page)
    await nextTurn()
  }
  return { looking, at, results, ask, finish }
}

test('a few at a time, in order; beyond a thousand that wait the answer is to try again', async () => {
  const { looking, results, ask, finish } = setUp()
  ask(1010)
  await nextTurn()
  assert.equal(looking.length, 4)
  assert.deepEqual(results, Array(6).fill(null))
  for (let i = 0; i < 1004; i++) await finish({ items: [i], next: null })
  assert.equal(looking.length, 0)
  const pages = results.slice(6).map((found) => (decode(found!.bytes) as { items: number[] }).items[0])
  assert.deepEqual(
    pages,
    Array.from({ length: 1004 }, (_, i) => i),
  )
})

test('who has waited too long is told to try again', async () => {
  const { at, looking, results, ask, finish } = setUp()
  ask(6)
  at.now = 2001
  await finish({ items: [], next: null })
  assert.equal(looking.length, 3)
  assert.deepEqual([results.length, results.filter((found) => found === null).length], [3, 2])
})

test('nothing is looked up while answers of 16 MiB wait to leave', async () => {
  const { looking, results, ask, finish } = setUp()
  const page = { items: ['x'.repeat(1 << 20)], next: null }
  ask(40)
  while (looking.length > 0) await finish(page)
  assert.ok(results.length >= 16 && results.length < 20, `${results.length} answers`)
  results[0]!.release()
  results[1]!.release()
  results[2]!.release()
  results[3]!.release()
  assert.ok(looking.length > 0)
})

test('one that fails makes room for the next', async () => {
  let failed = 0
  const lookups = createLookups(() => Promise.reject(new Error('unreadable')))
  for (let i = 0; i < 10; i++) lookups.ask(QUERY, 1).catch(() => failed++)
  await nextTurn()
  await nextTurn()
  assert.equal(failed, 10)
})
