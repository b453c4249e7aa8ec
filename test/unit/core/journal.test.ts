import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventsRecord, knownRecord, makeGroup, readSegment } from '../../../src/core/journal.ts'
import { makeLine } from '../../../src/core/lines.ts'
import { makeOrigin, type Rank } from '../../../src/protocol/replica.ts'

const origin = makeOrigin(1 as Rank, 3)
const linesOf = (from: number, count: number): Buffer =>
  Buffer.from(
    Array.from({ length: count }, (_, i) =>
      makeLine(
        { clock: from + i, origin, seq: from + i, id: `id${from + i}`, time: 1 },
        { message: `{"commit":${i}}\\n` },
      ),
    ).join(''),
  )

function segmentOf(groups: number): { bytes: Buffer; ends: number[] } {
  const parts: Buffer[] = []
  const ends: number[] = []
  let length = 0
  for (let k = 1; k <= groups; k++) {
    const view = { number: k, nonce: 'n', quorum: 2, members: [] }
    const pieces = [
      ...eventsRecord(origin, k * 2 - 1, [['publications', 2]], linesOf(k * 2 - 1, 2)),
      ...knownRecord(view),
    ]
    parts.push(makeGroup(pieces, k, 7))
    length += parts[k - 1]!.length
    ends.push(length)
  }
  return { bytes: Buffer.concat(parts), ends }
}

test('what was written is read', () => {
  const { bytes } = segmentOf(3)
  const segment = readSegment(bytes, 7)
  assert.equal(segment.corrupt, null)
  assert.equal(segment.end, bytes.length)
  assert.deepEqual(
    segment.records.map((record) => record.type),
    ['events', 'known', 'events', 'known', 'events', 'known'],
  )
})

test('cut at every byte: whole groups before the cut stay, the rest goes, and nothing is called corrupt', () => {
  const { bytes, ends } = segmentOf(3)
  for (let cut = 0; cut <= bytes.length; cut++) {
    for (const behind of [Buffer.alloc(0), Buffer.alloc(100)]) {
      const segment = readSegment(Buffer.concat([bytes.subarray(0, cut), behind]), 7)
      assert.equal(segment.commits, ends.filter((end) => end <= cut).length)
      assert.equal(segment.corrupt, null)
    }
  }
})

test('an old tail of a recycled segment is not taken for ours', () => {
  const fresh = segmentOf(1).bytes
  const old = makeGroup(knownRecord({ number: 9, nonce: 'old', quorum: 2, members: [] }), 2, 6)
  const segment = readSegment(Buffer.concat([fresh, old]), 7)
  assert.equal(segment.commits, 1)
  assert.equal(segment.corrupt, null)
})

test('a flipped bit before a later commit is corruption, and says where', () => {
  const { bytes, ends } = segmentOf(4)
  fc.assert(
    fc.property(fc.nat(ends[1]! - 1), fc.nat(7), (at, bit) => {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << bit
      const segment = readSegment(damaged, 7)
      assert.ok(segment.commits < 2)
      assert.match(segment.corrupt ?? 'nothing', /byte \d+: damaged before commit/)
    }),
  )
})
