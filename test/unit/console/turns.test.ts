/** Turns: never more than so many at a time, first come, first served, and none lost, whoever fails or leaves. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { createTurns, type Turns } from '../../../src/console/turns.ts'

/** Work that ends when it is told to. `result`: what became of it, also of what failed. */
function createWork(turns: Turns, name: number, begun: number[]) {
  const leave = new AbortController()
  let end = (): void => {}
  let fail = (_: Error): void => {}
  const gate = new Promise<number>((resolve, reject) => {
    end = () => resolve(name)
    fail = reject
  })
  // What failed before anybody waited for it is no fault.
  gate.catch(() => {})
  const work = (): Promise<number> => {
    begun.push(name)
    return gate
  }
  const result: Promise<unknown> = turns.take(work, leave.signal).catch((error) => error)
  return { name, result, leave, end, fail }
}

test('so many at a time, the others in the order in which they came', async () => {
  const turns = createTurns(2)
  const begun: number[] = []
  const works = [0, 1, 2, 3, 4].map((name) => createWork(turns, name, begun))
  await turn()
  assert.deepEqual(begun, [0, 1])
  works[1]!.end()
  assert.equal(await works[1]!.result, 1)
  await turn()
  assert.deepEqual(begun, [0, 1, 2])
  const error = new Error('no page')
  works[0]!.fail(error)
  assert.equal(await works[0]!.result, error, 'what the work throws')
  await turn()
  assert.deepEqual(begun, [0, 1, 2, 3])
  for (const { end } of works) end()
  assert.equal(await works[4]!.result, 4)
  assert.equal(turns.taken, 0)
})

test('who leaves while waiting gets no turn, is told why, and leaves nothing on the signal', async () => {
  const turns = createTurns(1)
  const begun: number[] = []
  const works = [0, 1, 2].map((name) => createWork(turns, name, begun))
  const [first, second, third] = works
  await turn()
  const reason = new Error('gone')
  second!.leave.abort(reason)
  assert.equal(await second!.result, reason)
  first!.end()
  await first!.result
  third!.end()
  assert.equal(await third!.result, 2)
  assert.deepEqual(begun, [0, 2])
  for (const { leave } of works) assert.deepEqual(getEventListeners(leave.signal, 'abort'), [])
  const gone = AbortSignal.abort(reason)
  const late = turns.take(() => assert.fail('it is too late'), gone).catch((error) => error)
  assert.equal(await late, reason)
  assert.equal(turns.taken, 0)
})

test('no turn is lost and none is made, whatever ends, fails or leaves when', async () => {
  const act = fc.record({ act: fc.constantFrom('come', 'come', 'end', 'fail', 'leave', 'turn'), who: fc.nat(30) })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 80 }), async (most, acts) => {
      const turns = createTurns(most)
      const begun: number[] = []
      const works: ReturnType<typeof createWork>[] = []
      for (const { act, who } of acts) {
        if (act === 'come') works.push(createWork(turns, works.length, begun))
        const work = works[who % works.length]
        if (act === 'end') work?.end()
        if (act === 'fail') work?.fail(new Error('no page'))
        if (act === 'leave') work?.leave.abort(new Error('gone'))
        if (act === 'turn') await turn()
        assert.ok(turns.taken <= most)
      }
      for (const { end } of works) end()
      await Promise.all(works.map(({ result }) => result))
      assert.equal(turns.taken, 0)
      assert.deepEqual(
        begun,
        begun.toSorted((a, b) => a - b),
        'first come, first served',
      )
    }),
  )
})
