import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode } from '../../../src/protocol/codec.ts'
import { errorReply, type Request } from '../../../src/protocol/envelope.ts'
import { refuse } from '../../../src/protocol/errors.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'
import { type Answer, answer, type Batch, encodeReply } from '../../../src/server/replies.ts'

const OK = { status: 'OK' }

function batchOf(requests: { service: string; id: string | null }[], answers: Answer[], isArray: boolean): Batch {
  const full: Request[] = requests.map((request) => ({ ...request, data: {}, clock: 0, wrong: null }))
  return { requests: full, isArray, answers, missing: 0, complete: () => {} }
}

const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.toWellFormed().slice(0, 64).toWellFormed())
const answers = fc.oneof(
  fc.constant<Answer>({ data: OK }),
  fc.constant<Answer>({ data: { channels: ['a', 'b'] }, stale: true }),
  fc.constant<Answer>({ refusal: refuse('unknown_channel', 'there is no channel "x"') }),
)

test('a spliced reply is the envelope that the codec would have made', () => {
  const entry = fc.record({ service: text, id: fc.option(text, { nil: null }), given: answers })
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 40 }), fc.boolean(), (entries, isArray) => {
      const used = isArray ? entries : entries.slice(0, 1)
      const batch = batchOf(
        used,
        used.map(({ given }) => given),
        isArray,
      )
      const expected = used.map(({ service, id, given }) => {
        const data =
          'refusal' in given
            ? errorReply(given.refusal, 1700, 42)
            : { ...given.data, ...(given.stale && { stale: true }), timestamp: 1700, clock: 42 }
        return id === null ? { service, data } : { service, id, data }
      })
      assert.deepEqual(decode(encodeReply(batch, 1700, 42)), isArray ? expected : expected[0])
    }),
  )
})

test('a thousand answers of any size fit into one frame', () => {
  const large = { items: ['z'.repeat(250_000)] }
  const requests = Array.from({ length: 1000 }, (_, i) => ({ service: 'history', id: `${'i'.repeat(60)}${i}` }))
  const given = requests.map((_, i): Answer => ({ data: i % 100 === 0 ? { ...large } : OK }))
  const body = encodeReply(batchOf(requests, given, true), 1, 1)
  assert.ok(body.length <= LIMITS.frameBytes, `${body.length} bytes`)
  const replies = decode(body) as { data: { code?: string; items?: string[]; status?: string } }[]
  assert.equal(replies.length, 1000)
  assert.equal(replies[0]!.data.items?.[0]?.length, 250_000)
  assert.equal(replies[900]!.data.code, 'too_large')
  assert.equal(replies[901]!.data.status, 'OK')
})

test('a batch is complete when each request has its first answer', () => {
  let completed = 0
  const batch = batchOf(
    [
      { service: 'a', id: null },
      { service: 'b', id: null },
    ],
    [],
    true,
  )
  Object.assign(batch, { answers: [null, null], missing: 2, complete: () => completed++ })
  answer({ batch, index: 0 }, { data: OK })
  answer({ batch, index: 0 }, { refusal: refuse('internal', 'late') })
  assert.equal(completed, 0)
  answer({ batch, index: 1 }, { data: OK })
  assert.equal(completed, 1)
  assert.deepEqual(batch.answers[0], { data: OK })
})
