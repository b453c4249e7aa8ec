import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readClockStatus } from '../../../src/protocol/clock-status.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import type { Instance, Rank } from '../../../src/protocol/replica.ts'
import { readTimekeeping, type TimekeepingMessage, timekeepingEnvelope } from '../../../src/protocol/timekeeping.ts'

const view = { number: 3, nonce: 'n' }
const from = { rank: 2 as Rank, instance: 'i2' as Instance, clock: 41 }
const messages: TimekeepingMessage[] = [
  { type: 'election', view, ballot: 10_002 },
  { type: 'vote', view, ballot: 10_002, promised: 10_002, accepted: null },
  { type: 'vote', view, ballot: 10_002, promised: 20_001, accepted: { ballot: 10_001, coordinator: 1 as Rank } },
  { type: 'claim', view, ballot: 10_002, coordinator: 2 as Rank },
  { type: 'consent', view, ballot: 10_002 },
  { type: 'elected', view, coordinator: 2 as Rank },
  { type: 'clock', view, round: 7, question: 29 },
  {
    type: 'time',
    view,
    question: 29,
    raw: 1.7e12 + 0.25,
    adjust: -1.5,
    wants: 0,
    fresh: true,
    epoch: 0,
    driftBound: 100,
  },
  { type: 'correct', view, round: 7, goal: -2500.25, epoch: 1, half: 0.2, ppm: 200, since: 1.7e12 },
]

for (const message of messages) {
  const envelope = timekeepingEnvelope({ from, message }, 1.7e12)
  test(`${message.type} is read as it was written, and not without any of its fields`, () => {
    const value = decode(encode(envelope))
    assert.deepEqual(readTimekeeping(value), { from, message })
    for (const name of [...Object.keys(message), ...Object.keys(from)]) {
      if (name === 'type') continue
      const { [name]: _, ...rest } = envelope.data
      assert.equal(readTimekeeping({ ...envelope, data: rest }), null, `without ${name}`)
      assert.equal(readTimekeeping({ ...envelope, data: { ...rest, [name]: [] } }), null, `a wrong ${name}`)
      assert.equal(readTimekeeping({ ...envelope, data: { ...rest, [name]: Number.NaN } }), null, `NaN for ${name}`)
    }
  })
}

test("the answers say it in the course's words, too", () => {
  const [vote, time] = [messages[1]!, messages[7]!].map((message) => timekeepingEnvelope({ from, message }, 5).data)
  assert.equal(vote!.election, 'OK')
  assert.equal(time!.time, 1.7e12 + 0.25)
})

test("a clock's status is read whole or not at all", () => {
  const status = {
    ...{ now: 1.7e12, rawOffsetMs: 3, offsetMs: 0.5, errorMs: null, driftPpm: null, slewing: false },
    ...{ round: 0, coordinator: null, term: 0 },
  }
  assert.deepEqual(readClockStatus(status), status)
  for (const name of Object.keys(status)) assert.equal(readClockStatus({ ...status, [name]: 'x' }), null, name)
  assert.equal(readClockStatus(null), null)
})
