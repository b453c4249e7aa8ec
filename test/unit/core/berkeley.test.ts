import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  agree,
  betterSample,
  type Clock,
  errorOf,
  type Sample,
  sampleOf,
  TOLERANCE_MS,
} from '../../../src/core/berkeley.ts'
import type { Rank } from '../../../src/protocol/replica.ts'

const clock = (rank: number, shows: number, more: Partial<Clock> = {}): Clock => ({
  ...{ rank: rank as Rank, shows, wants: shows, fresh: false },
  ...more,
})
const clocksOf = (...shows: number[]): Clock[] => shows.map((one, index) => clock(index + 1, one))

test('the average of clocks that disagree by seconds', () => {
  const agreed = agree(clocksOf(3000, -2000, 500), 3)
  assert.deepEqual(agreed, { at: 500, voters: [1, 2, 3], thrownOut: [] })
})

test('a liar is thrown out and does not move the others', () => {
  assert.deepEqual(agree(clocksOf(0, 3_600_000, 10), 3), { at: 5, voters: [1, 3], thrownOut: [2] })
  assert.deepEqual(agree(clocksOf(-3_600_000, 3_600_000, 10, 20, 30), 5), {
    at: 20,
    voters: [3, 4, 5],
    thrownOut: [1, 2],
  })
})

test('without a majority within the tolerance there is no agreement; who did not answer counts against it', () => {
  assert.equal(agree(clocksOf(0, 20_000), 2), null)
  assert.equal(agree(clocksOf(0, 0, 20_000, 20_000), 4), null)
  assert.equal(agree(clocksOf(0, 1), 4), null)
  assert.notEqual(agree(clocksOf(0, 1, 2), 4), null)
})

test('what is still pending counts where it goes, so it is not corrected twice', () => {
  const slewing = [clock(1, 0), clock(2, 2000, { wants: 0 }), clock(3, -3000, { wants: 0 })]
  assert.equal(agree(slewing, 3)?.at, 0)
})

test('a clock that goes far away is thrown out though it still shows the same, and the other way round', () => {
  assert.deepEqual(agree([clock(1, 0), clock(2, 0, { wants: 3_600_000 }), clock(3, 0)], 3)?.thrownOut, [2])
  assert.deepEqual(agree([clock(1, 0), clock(2, 3_600_000, { wants: 0 }), clock(3, 0)], 3)?.thrownOut, [2])
})

test('a newcomer is told the time by those who agreed before, unless they are no majority', () => {
  const newcomer = clock(3, 3000, { fresh: true })
  assert.deepEqual(agree([clock(1, 0), clock(2, 2), newcomer], 3), { at: 1, voters: [1, 2], thrownOut: [] })
  assert.equal(agree([clock(1, 0), clock(2, 0, { fresh: true }), newcomer], 3)?.at, 1000)
})

const clocks = fc
  .array(
    fc.record({
      shows: fc.integer({ min: -40_000, max: 40_000 }),
      wants: fc.integer({ min: -40_000, max: 40_000 }),
      fresh: fc.boolean(),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((list) => list.map((one, index) => clock(index + 1, one.shows, one)))

/** Every subset, to compare with. */
function largest(list: readonly Clock[]): number {
  let most = 0
  for (let chosen = 1; chosen < 2 ** list.length; chosen++) {
    const set = list.filter((_, index) => chosen & (1 << index))
    const near = (of: (one: Clock) => number): boolean =>
      Math.max(...set.map(of)) - Math.min(...set.map(of)) <= TOLERANCE_MS
    if (near(({ shows }) => shows) && near(({ wants }) => wants)) most = Math.max(most, set.length)
  }
  return most
}

test('whoever agrees is a majority within the tolerance, and there is one exactly when there can be', () => {
  fc.assert(
    fc.property(clocks, (list) => {
      const agreed = agree(list, list.length)
      assert.equal(agreed !== null, largest(list) * 2 > list.length)
      if (agreed === null) return
      const voters = list.filter(({ rank }) => agreed.voters.includes(rank))
      assert.ok(voters.length * 2 > list.length)
      assert.equal(largest(voters), voters.length)
      const wants = voters.map((one) => one.wants)
      assert.ok(agreed.at >= Math.min(...wants) - 1e-6 && agreed.at <= Math.max(...wants) + 1e-6)
      for (const rank of agreed.thrownOut) {
        assert.ok(!agreed.voters.includes(rank))
        assert.equal(largest([...voters, list.find((one) => one.rank === rank)!]), voters.length)
      }
    }),
  )
})

test('in the order of ranks or not, clocks agree on the same', () => {
  fc.assert(
    fc.property(clocks, (list) => {
      const there = agree(list, list.length)
      const back = agree([...list].reverse(), list.length)
      assert.deepEqual([back?.voters.length], [there?.voters.length])
    }),
  )
})

test('the true offset is within the bound, however long question and answer take and whatever the clocks drift', () => {
  const ms = fc.double({ min: 0, max: 3000, noNaN: true })
  const ppm = fc.double({ min: -100, max: 100, noNaN: true })
  fc.assert(
    fc.property(ms, ms, ms, ppm, ppm, fc.integer({ min: -5000, max: 5000 }), (there, back, later, mine, its, ahead) => {
      const own = (at: number): number => at * (1 + mine / 1e6)
      const other = (at: number): number => ahead + at * (1 + its / 1e6)
      const reading = { raw: other(there), adjust: 0, wants: 0, fresh: false, epoch: 0, driftBound: 100 }
      const sample = sampleOf(reading, own(0), own(there + back), 100)
      const now = there + back + later
      const error = Math.abs(sample.offset - (other(now) - own(now)))
      assert.ok(error <= errorOf(sample, own(now)) + 1e-6, `off by ${error}`)
    }),
    // Once, the drift of the clock that measures the time since was forgotten.
    { examples: [[0, 50.00000570155496, 0, -99.99999999016352, 99.99999999987797, -2099]] },
  )
})

test('of two samples the one is believed whose bound is smaller now: a short round trip, until it is too old', () => {
  const sample = (half: number, asked: number): Sample => ({ offset: 0, half, asked, raw: 0, ppm: 200 })
  const short = sample(0.2, 0)
  assert.equal(betterSample(null, short, 0), short)
  assert.equal(betterSample(short, sample(2, 2000), 3000), short)
  assert.equal(betterSample(short, sample(2, 20_000), 21_000).half, 2)
})
