import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDrift, driftPpm, noteOffset } from '../../../src/core/drift.ts'
import {
  correct,
  createPhysical,
  errorAt,
  isSlewing,
  noticeWall,
  type PhysicalClock,
  rawAt,
  readingAt,
  syncedAt,
} from '../../../src/core/physical.ts'

const START = 1.7e12
const right = { skewMs: 0, driftPpm: 0 }
const bound = { half: 0, ppm: 0, since: START }
const to = (clock: PhysicalClock, mono: number, goal: number): boolean =>
  correct(clock, mono, { goal, epoch: clock.epoch, bound })

test('a clock as wrong as it is made', () => {
  const clock = createPhysical(1000, START, { skewMs: 3000, driftPpm: 100 })
  assert.equal(rawAt(clock, 1000), START + 3000)
  assert.ok(Math.abs(rawAt(clock, 1_001_000) - (START + 1_003_100)) < 0.01)
  assert.equal(errorAt(clock, 1000), null)
})

test('3000 ms ahead and 2000 ms behind of the average are made good in about 5 and 3 s', () => {
  const ahead = createPhysical(0, START, right)
  const behind = createPhysical(0, START, right)
  to(ahead, 0, -2500)
  to(behind, 0, 2500)
  assert.ok(isSlewing(ahead) && isSlewing(behind))
  assert.equal(syncedAt(behind, 1000) - START, 1900)
  assert.ok(Math.abs(syncedAt(ahead, 1000) - START - 550) < 0.01)
  assert.equal(readingAt(behind, 2778).adjust, 2500)
  assert.equal(readingAt(ahead, 5556).adjust, -2500)
  assert.ok(!isSlewing(ahead) && !isSlewing(behind))
})

test('less than 100 ms off it runs within 500 ppm; more than that off, quickly until a round finds it near', () => {
  const clock = createPhysical(0, START, right)
  to(clock, 0, 90)
  assert.ok(!isSlewing(clock))
  assert.equal(readingAt(clock, 1000).adjust, 0.5)
  to(clock, 1000, 200)
  assert.ok(isSlewing(clock))
  assert.equal(readingAt(clock, 1100).adjust, 90.5)
  assert.equal(readingAt(clock, 5000).adjust, 200)
  // The first measurement was not good: it is not near yet.
  to(clock, 5000, 210)
  assert.equal(readingAt(clock, 5100).adjust, 210)
  to(clock, 5100, 211)
  assert.equal(readingAt(clock, 6100).adjust, 210.5)
})

test("the machine's clock is set: nothing steps, and the next round hears of it", () => {
  const clock = createPhysical(0, START, right)
  to(clock, 0, 40)
  const before = syncedAt(clock, 1000)
  assert.equal(noticeWall(clock, 1000, START + 1000 + 3), 0)
  assert.equal(noticeWall(clock, 1000, START + 1000 + 3_600_000), 3_600_000)
  assert.equal(noticeWall(clock, 1000, START + 1000 + 3_600_000), 0)
  assert.ok(Math.abs(syncedAt(clock, 1000) - before) < 0.01)
  const { raw, wants, fresh, epoch } = readingAt(clock, 1000)
  assert.deepEqual([raw - START, wants, fresh, epoch], [3_601_000, 40, true, 1])
  assert.ok(syncedAt(clock, 2000) - before < 1001)
  assert.equal(correct(clock, 2000, { goal: 40, epoch: 0, bound }), false)
  assert.equal(to(clock, 2000, 40 - 3_600_000), true)
  assert.equal(readingAt(clock, 2000).fresh, false)
  assert.equal(readingAt(clock, 2000).wants, 40 - 3_600_000)
})

test('the error grows with what clocks may drift', () => {
  const clock = createPhysical(0, START, right)
  correct(clock, 1000, { goal: 1, epoch: 0, bound: { half: 0.5, ppm: 200, since: START + 900 } })
  assert.ok(Math.abs(errorAt(clock, 10_900)! - 2.5) < 1e-9)
})

type Move = { pass: number; goal: number | null; set: number | null }
const moves = fc.array(
  fc.record<Move>({
    pass: fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 5000, noNaN: true })),
    goal: fc.option(fc.double({ min: -5000, max: 5000, noNaN: true })),
    set: fc.option(fc.integer({ min: -10_000, max: 10_000 }), { freq: 5 }),
  }),
  { maxLength: 60 },
)

test('whatever happens, the clock never goes back, and runs between half and double speed', () => {
  const drift = fc.integer({ min: -400, max: 400 })
  fc.assert(
    fc.property(moves, drift, (list, ppm) => {
      const clock = createPhysical(0, START, { skewMs: -700, driftPpm: ppm })
      let now = 0
      let wall = START
      let shown = syncedAt(clock, now)
      for (const { pass, goal, set } of list) {
        now += pass
        wall += pass + (set ?? 0)
        noticeWall(clock, now, wall)
        if (goal !== null) to(clock, now, readingAt(clock, now).adjust + goal)
        const next = syncedAt(clock, now)
        // A thousandth of a millisecond for arithmetic in numbers that large.
        assert.ok(next >= shown, `back from ${shown} to ${next}`)
        assert.ok(next - shown >= pass * 0.5 - 0.001 && next - shown <= pass * 2 + 0.001, `${next - shown} in ${pass}`)
        shown = next
      }
    }),
  )
})

test('however often it is looked at, it shows the same', () => {
  fc.assert(
    fc.property(fc.double({ min: -3000, max: 3000, noNaN: true }), fc.integer({ min: 1, max: 50 }), (goal, looks) => {
      const often = createPhysical(0, START, right)
      const once = createPhysical(0, START, right)
      to(often, 0, goal)
      to(once, 0, goal)
      for (let i = 1; i <= looks; i++) syncedAt(often, (4000 * i) / looks)
      assert.ok(Math.abs(syncedAt(often, 4000) - syncedAt(once, 4000)) < 0.01)
    }),
  )
})

test('drift is the slope of what rounds measured, once that is long enough', () => {
  const drift = createDrift()
  for (let at = 0; at <= 10_000; at += 5000) noteOffset(drift, at, at * 150e-6)
  assert.equal(driftPpm(drift), null)
  for (let at = 15_000; at <= 60_000; at += 5000)
    noteOffset(drift, at, at * 150e-6 + (at % 10_000 === 0 ? 0.05 : -0.05))
  assert.ok(Math.abs(driftPpm(drift)! - 150) < 3)
  noteOffset(drift, 65_000, 500)
  assert.equal(driftPpm(drift), null)
  for (let at = 0; at < 2e6; at += 5000) noteOffset(drift, 65_000 + at, 500)
  assert.ok(drift.points.length <= 61)
})
