/** Numbers of the command line: what is taken, and that an error names the whole range. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secondsBetween, wholeBetween } from '../../../src/cli/numbers.ts'

test('what is within the range is taken, its ends included', () => {
  assert.deepEqual(['1', '07', '100'].map(wholeBetween(1, 100)), [1, 7, 100])
  assert.deepEqual(['0.5', '1e2', ' 3 '].map(secondsBetween(0.5, 100)), [0.5, 100, 3])
})

test('everything else is refused with the range', () => {
  for (const text of ['', ' ', '0', '101', '1.5', '-1', '1e1', 'x', '9'.repeat(400)])
    assert.throws(() => wholeBetween(1, 100)(text), { message: 'it must be a whole number from 1 to 100.' }, text)
  for (const text of ['', ' ', '0', '100.1', '-1', 'x', 'NaN', 'Infinity'])
    assert.throws(
      () => secondsBetween(0.5, 100)(text),
      { message: 'it must be a number of seconds from 0.5 to 100.' },
      text,
    )
})
