import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { advance, createWindow, findId, NO_OUTCOME, SUCCESS } from '../../../src/core/window.ts'

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

test('a million ids cost less than 40 MB', () => {
  const { hi, lo, outcome, table } = createWindow()
  assert.ok(hi.byteLength + lo.byteLength + outcome.byteLength + table.byteLength < 40e6)
})
