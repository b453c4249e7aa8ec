import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addLine, createLineWriter, makeLine, parseLine, SKIPPED, takeLines } from '../../../src/core/lines.ts'
import { makeOrigin, type Rank } from '../../../src/protocol/replica.ts'

const origin = makeOrigin(2 as Rank, 5)

test('an event keeps its content through its line, its public line and a skipped line', () => {
  const body = fc.record(
    { user: fc.string({ minLength: 1 }), message: fc.string({ unit: 'binary' }) },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(body, fc.string({ minLength: 1 }), (body, id) => {
      const head = { clock: 41, origin, seq: 7, id, time: 1763690000000 }
      const line = Buffer.from(makeLine(head, body))
      const writer = createLineWriter()
      addLine(writer, 12, line, 0, line.length)
      const shown = Buffer.from(takeLines(writer)).toString()
      assert.ok(shown.startsWith(`{"n":12,"clock":41,"origin":"server-2@5","seq":7,"id":`) && shown.endsWith('}\n'))
      assert.equal(shown.indexOf('\n'), shown.length - 1)
      assert.deepEqual(parseLine(shown, 'publications'), { ...head, n: 12, log: 'publications', skipped: null, body })
      addLine(writer, 13, line, 0, line.length, { log: 'publications', reason: 'duplicate' })
      const skipped = Buffer.from(takeLines(writer)).toString()
      assert.deepEqual(parseLine(skipped, SKIPPED), { ...head, n: 13, log: 'publications', skipped: 'duplicate', body })
    }),
  )
})

test('what is no line is null', () => {
  for (const text of ['', '{', '[]', 'null', '{"n":1}', '{"n":1,"clock":1,"origin":"x","seq":1,"id":"a","time":1}'])
    assert.equal(parseLine(text, 'publications'), null)
})

test('the body keeps every key of its own, whatever its name', () => {
  const head = { clock: 7, origin: makeOrigin(1 as Rank, 2), seq: 3, id: 'a', time: 5 }
  const body = JSON.parse('{"b":1,"__proto__":{"c":2},"log":"own","skipped":"own","10":[]}')
  const parsed = parseLine(makeLine(head, body), 'votes')!
  assert.equal(JSON.stringify(parsed.body), JSON.stringify(body))
  assert.equal(Object.getPrototypeOf(parsed.body), Object.prototype)
  const skipped = JSON.parse('{"b":1,"__proto__":{"c":2},"log":"votes","skipped":"duplicate"}')
  const { log, skipped: why, body: rest } = parseLine(makeLine(head, skipped), SKIPPED)!
  assert.deepEqual([log, why, JSON.stringify(rest)], ['votes', 'duplicate', '{"b":1,"__proto__":{"c":2}}'])
})
