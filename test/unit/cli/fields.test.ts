/** From words on a command line to the data of a request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { Failure } from '../../../src/cli/failure.ts'
import { fieldsOf, type KnownService, knownService, readWords, serviceNames, usageOf } from '../../../src/cli/fields.ts'

const service = (shape: z.ZodRawShape): KnownService => {
  const schema = z.object(shape)
  return { name: 'it', summary: '', schema, fields: fieldsOf(schema) }
}
const decimal = z.union([z.number(), z.string().regex(/^\d+$/)]).transform(Number)
const add = service({ a: decimal.describe('the first'), b: z.number() })
const mean = service({ label: z.string().optional(), values: z.array(decimal) })
const mixed = service({
  text: z.string(),
  on: z.boolean().nullish(),
  count: z.int().nullish(),
  more: z.looseObject({}).optional(),
})

const cases: [what: string, of: KnownService | null, words: string[], data: Record<string, unknown>][] = [
  ['in order', add, ['10', '5'], { a: 10, b: 5 }],
  ['by name, in any order', add, ['b=5', '10'], { a: 10, b: 5 }],
  ['what is no number stays text, for the schema to refuse', add, ['ten', 'b=1e'], { a: 'ten', b: '1e' }],
  ['signs, fractions, exponents', add, ['-1.5', 'b=+.5e3'], { a: -1.5, b: 500 }],
  ['a list takes all that are left', mean, ['label=x', '3', '4.5', '-8'], { label: 'x', values: [3, 4.5, -8] }],
  ['a list with commas', mean, ['x', '3, 4,8'], { label: 'x', values: [3, 4, 8] }],
  ['a list as JSON', mean, ['values=[1,2]'], { values: [1, 2] }],
  ['an empty list', mean, ['values='], { values: [] }],
  ['digits in a text stay text', mixed, ['10'], { text: '10' }],
  [
    'booleans, whole numbers, maps',
    mixed,
    ['a', 'on=true', 'count=3', 'more={"x":1}'],
    { text: 'a', on: true, count: 3, more: { x: 1 } },
  ],
  ['a text with = needs its name', mixed, ['text=a=b=c'], { text: 'a=b=c' }],
  ['line ends in a text', mixed, ['text=a\nb'], { text: 'a\nb' }],
  ['a name that is no field is kept: other languages have their own', add, ['soma=1'], { soma: 1 }],
  [
    'of an unknown service, JSON is JSON and the rest text',
    null,
    ['x=2', 'y=two', 'z=[1]', 'n=null'],
    { x: 2, y: 'two', z: [1], n: 'null' },
  ],
  ['nothing', add, [], {}],
]
for (const [what, of, words, data] of cases) test(what, () => assert.deepEqual(readWords(of, words), data))

test('more words than fields are refused, with the usage', () => {
  assert.throws(
    () => readWords(add, ['1', '2', '3']),
    (error) => {
      assert.ok(error instanceof Failure)
      assert.equal(error.message, 'it takes <a> <b>, and "3" is one too many')
      assert.equal(error.exitCode, 2)
      return true
    },
  )
  assert.throws(() => readWords(service({}), ['1']), /it takes no values, got "1"/)
  assert.throws(() => readWords(null, ['1']), /give each as field=value/)
})

test('fields know their order, what they take, and whether they must be given', () => {
  assert.equal(usageOf(add), '<a> <b>')
  assert.equal(usageOf(mean), '[label] <values>')
  assert.deepEqual([...add.fields[0]!.types].sort(), ['number', 'string'])
  assert.equal(add.fields[0]!.description, 'the first')
  assert.deepEqual([...mean.fields[1]!.types], ['array'])
})

test('every service that comes with Compasso has fields that can be told', () => {
  assert.ok(serviceNames().length > 6)
  for (const name of serviceNames()) {
    const known = knownService(name)!
    for (const field of known.fields) assert.ok(field.types.size > 0, `${name}.${field.name} takes anything`)
    assert.notEqual(known.summary, '')
  }
  assert.equal(usageOf(knownService('publish')!), '<user> <channel> <message>')
  // Names that only old clients use are understood, not shown.
  assert.equal(usageOf(knownService('message')!), '<src> <dst> <message>')
  assert.deepEqual(readWords(knownService('mean'), ['valores=3 4,8']), { valores: [3, 4, 8] })
  assert.equal(knownService('nobody'), null)
})
