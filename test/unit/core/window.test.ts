import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  advance,
  createWindow,
  findId,
  NO_OUTCOME,
  recorded,
  refusalOutcome,
  rememberId,
  SUCCESS,
} from '../../../src/core/window.ts'

test('behaves like a list of the last positions (a slow, obviously right twin)', () => {
  const position = fc.record({ id: fc.integer({ min: 0, max: 40 }).map(String), refused: fc.boolean() })
  fc.assert(
    fc.property(fc.array(position, { maxLength: 400 }), fc.integer({ min: 1, max: 30 }), (positions, capacity) => {
      const window = createWindow(capacity)
      const twin: { id: string; outcome: number }[] = []
      positions.forEach(({ id, refused }, i) => {
        const expected = twin.slice(-capacity).find((one) => one.id === id)?.outcome ?? NO_OUTCOME
        assert.equal(findId(window, id), expected)
        const outcome = expected !== NO_OUTCOME ? NO_OUTCOME : refused ? 6 : SUCCESS
        advance(window, i + 1, outcome)
        twin.push({ id: outcome === NO_OUTCOME ? '' : id, outcome })
      })
    }),
    { numRuns: 500 },
  )
})

test('an event counts instead of a recorded refusal of its id, in whichever order they are read back', () => {
  const REFUSED = recorded(refusalOutcome('unknown_channel'))
  const told = fc.record({ id: fc.integer({ min: 0, max: 9 }).map(String), isEvent: fc.boolean() })
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), fc.infiniteStream(fc.nat()), (all, chance) => {
      // As the order decides: an event has its effect once; a refusal is one while the id has no outcome at all.
      const twin = new Map<string, number>()
      const lines = all.map(({ id, isEvent }, i) => {
        const before = twin.get(id) ?? NO_OUTCOME
        const isFirst = isEvent ? before !== SUCCESS : before === NO_OUTCOME
        const outcome = isFirst ? (isEvent ? SUCCESS : REFUSED) : NO_OUTCOME
        if (isFirst) twin.set(id, outcome)
        return { id, n: i + 1, outcome }
      })
      const [inOrder, shuffled] = [createWindow(64), createWindow(64)]
      for (const { id, n, outcome } of lines) rememberId(inOrder, id, n, outcome)
      const mixed = lines.map((line) => ({ line, at: chance.next().value })).sort((a, b) => a.at - b.at)
      for (const { line } of mixed) rememberId(shuffled, line.id, line.n, line.outcome)
      for (let id = 0; id < 10; id++) {
        const expected = twin.get(String(id)) ?? NO_OUTCOME
        assert.equal(findId(inOrder, String(id)), expected)
        assert.equal(findId(shuffled, String(id)), expected)
      }
      assert.deepEqual(shuffled.outcome, inOrder.outcome)
    }),
    { numRuns: 1000 },
  )
})

test('a million ids cost less than 40 MB', () => {
  const { hi, lo, outcome, table } = createWindow()
  assert.ok(hi.byteLength + lo.byteLength + outcome.byteLength + table.byteLength < 40e6)
})
