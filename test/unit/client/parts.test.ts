import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomChannel, randomName, randomText, sample } from '../../../src/client/names.ts'
import { createRecent } from '../../../src/client/recent.ts'
import { createStream } from '../../../src/client/stream.ts'
import { createUlids } from '../../../src/client/ulid.ts'
import { checkId, checkName } from '../../../src/protocol/names.ts'

test('ULIDs are well-formed, unique, sorted, and good ids', () => {
  const next = createUlids()
  const ids: string[] = []
  for (let i = 0; i < 20_000; i++) ids.push(next(1_700_000_000_000 + (i >> 8)))
  ids.push(next(0))
  assert.ok(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id)))
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual([...ids].sort(), ids)
  assert.equal(checkId(ids[0]), null)
  // The example of the specification: this time in its ten digits.
  assert.equal(createUlids()(1_469_918_176_385).slice(0, 10), '01ARYZ6S41')
})

test('two generators do not meet', () => {
  const one = createUlids()
  const two = createUlids()
  const ids = new Set<string>()
  for (let i = 0; i < 1000; i++) ids.add(one(i)).add(two(i))
  assert.equal(ids.size, 2000)
})

test('recent ids are known, old ones forgotten', () => {
  const recent = createRecent(100)
  for (let i = 0; i < 1000; i++) assert.equal(recent.seen(`${i}`), false)
  for (let i = 900; i < 1000; i++) assert.equal(recent.seen(`${i}`), true)
  assert.equal(recent.seen('0'), false)
})

test('a stream gives what was pushed before and after it is read, and ends', async () => {
  const stream = createStream<number>()
  stream.push(1, 10)
  stream.push(2, 10)
  const got: number[] = []
  const reading = (async () => {
    const iterator = stream.iterate(() => {})
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) got.push(step.value)
  })()
  await new Promise((resolve) => setImmediate(resolve))
  stream.push(3, 10)
  stream.end()
  await reading
  assert.deepEqual(got, [1, 2, 3])
})

test('a stream that nobody reads is bounded in number and in bytes, loses the oldest and says how many', async () => {
  for (const bytes of [1, 100_000]) {
    const stream = createStream<number>()
    let dropped = 0
    for (let i = 0; i < 250_000; i++) dropped += stream.push(i, bytes)
    stream.end()
    const iterator = stream.iterate(() => {})
    let left = 0
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
      assert.equal(step.value, dropped + left)
      left++
    }
    assert.equal(dropped + left, 250_000)
    assert.ok(left > 0 && left <= 100_000 && left * bytes <= 32 << 20, `${left} of ${bytes} bytes`)
  }
})

test('a reader that leaves is noticed', async () => {
  let left = 0
  const stream = createStream<number>()
  stream.push(1, 10)
  for await (const _ of { [Symbol.asyncIterator]: () => stream.iterate(() => left++) }) break
  assert.equal(left, 1)
})

test('the names that bots draw are good names', () => {
  for (let i = 0; i < 200; i++) {
    assert.equal(checkName(randomName(Math.random), 'user'), null)
    assert.equal(checkName(randomChannel(Math.random), 'channel'), null)
    assert.ok(randomText(Math.random).length > 10)
  }
  assert.equal(new Set(sample([1, 2, 3, 4, 5], 3, Math.random)).size, 3)
  assert.deepEqual(sample([], 3, Math.random), [])
})
