import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode } from '../../../src/protocol/codec.ts'
import { type Data, errorReply, type Request } from '../../../src/protocol/envelope.ts'
import { refuse } from '../../../src/protocol/errors.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'
import { type Answer, answer, answerFound, type Batch, encodeReply, hasRoom } from '../../../src/server/replies.ts'

const OK = { status: 'OK' }

function batchOf(requests: { service: string; id: string | null }[], answers: Answer[], isArray: boolean): Batch {
  const full: Request[] = requests.map((request) => ({ ...request, data: {}, clock: 0, wrong: null }))
  return { requests: full, isArray, answers, missing: 0, found: 0, complete: () => {}, handBack: null }
}

const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.toWellFormed().slice(0, 64).toWellFormed())
const answers = fc.oneof(
  fc.constant<Answer>({ data: OK }),
  fc.constant<Answer>({ data: { channels: ['a', 'b'] }, stale: true }),
  fc.constant<Answer>({ refusal: refuse('unknown_channel', 'there is no channel "x"') }),
  fc.constant<Answer>(found({ items: [{ n: 1 }], next: null }, false)),
  fc.constant<Answer>(found({ items: [], next: 7 }, true)),
)

function found(data: Data, stale: boolean): Answer {
  return { found: { bytes: encode(data), stale, release: () => {} }, stale }
}

const dataOf = (given: Exclude<Answer, { refusal: unknown }>): Data =>
  'found' in given ? (decode(given.found.bytes) as Data) : given.data

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
            : { ...dataOf(given), ...(given.stale && { stale: true }), timestamp: 1700, clock: 42 }
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

test('a batch holds no more of what was found than its reply has room for, and lets all of it go', () => {
  const requests = Array.from({ length: 4 }, () => ({ service: 'history', id: null }))
  const batch: Batch = { ...batchOf(requests, [null, null, null, null] as never, true), missing: 4 }
  let held = 0
  const page = (): { bytes: Uint8Array; stale: boolean; release(): void } => {
    const bytes = encode({ items: ['x'.repeat(400_000)], next: 3 })
    held += bytes.length
    return { bytes, stale: false, release: () => (held -= bytes.length) }
  }
  for (const index of [0, 1]) answerFound({ batch, index }, page(), false)
  assert.ok(hasRoom({ batch, index: 2 }))
  answerFound({ batch, index: 2 }, page(), false)
  assert.ok(held < LIMITS.frameBytes, `${held} bytes`)
  assert.ok(!hasRoom({ batch, index: 3 }))
  answerFound({ batch, index: 3 }, null, false)
  assert.equal(batch.missing, 0)
  const replies = decode(encodeReply(batch, 1, 2)) as { data: Data }[]
  assert.deepEqual(
    replies.map(({ data }) => data.next ?? data.code),
    [3, 3, 'too_large', 'too_large'],
  )
  assert.equal(held, 0)
})
