import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from '../../../src/core/pace.ts'

test('the longest of late, forgotten by half every second', () => {
  const pace = new Pace()
  assert.equal(pace.ms(0), 0)
  pace.answered(800, 1000)
  pace.answered(10, 1001)
  assert.equal(Math.round(pace.ms(1000)), 800)
  assert.equal(Math.round(pace.ms(2000)), 400)
  pace.answered(300, 2000)
  assert.equal(Math.round(pace.ms(3000)), 200)
  pace.answered(300, 3000)
  assert.equal(Math.round(pace.ms(3000)), 300)
  assert.ok(pace.ms(60_000) < 1)
})
