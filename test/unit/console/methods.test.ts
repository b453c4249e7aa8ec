/** The services as methods: parameters by position, and the OpenRPC document. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { createMethods, dataOf } from '../../../src/console/methods.ts'
import { openRpcOf } from '../../../src/console/openrpc.ts'
import { createApplication } from '../../../src/server/services/index.ts'

const methods = createMethods(
  new Map([
    ['divide', { summary: 'x', schema: z.object({ a: z.number(), b: z.number(), digits: z.number().optional() }) }],
    ['late', { summary: 'x', schema: z.object({ maybe: z.string().optional(), must: z.string() }) }],
    ['mapped', { summary: 'x', schema: z.preprocess((data) => data, z.object({ src: z.string(), dst: z.string() })) }],
    [
      'renamed',
      { summary: 'x', schema: z.object({ name: z.string(), nome: z.string().meta({ deprecated: true }).optional() }) },
    ],
    ['none', { summary: 'x', schema: z.object({}) }],
    ['odd', { summary: 'x', schema: z.union([z.object({ a: z.date() }), z.object({ b: z.bigint() })]) }],
  ]),
)

test('parameters by name are the data, by position they get the names of the schema, in its order', () => {
  assert.deepEqual(dataOf(methods, 'divide', undefined), { data: {} })
  assert.deepEqual(dataOf(methods, 'divide', { b: 1, x: 2 }), { data: { b: 1, x: 2 } })
  assert.deepEqual(dataOf(methods, 'divide', [1, 2]), { data: { a: 1, b: 2 } })
  assert.deepEqual(dataOf(methods, 'divide', [1, null, 3]), { data: { a: 1, b: null, digits: 3 } })
  assert.deepEqual(dataOf(methods, 'divide', []), { data: {} })
  assert.deepEqual(dataOf(methods, 'mapped', ['ana', 'rui']), { data: { src: 'ana', dst: 'rui' } })
  assert.deepEqual(dataOf(methods, 'late', ['x', 'y']), { data: { must: 'x', maybe: 'y' } })
})

test('more than a method takes, and any for a method without a schema, are wrong', () => {
  const wrong = (name: string, params: unknown[]) => (dataOf(methods, name, params) as { wrong: string }).wrong
  assert.equal(wrong('divide', [1, 2, 3, 4]), 'divide takes a, b, digits; got 4')
  assert.equal(wrong('renamed', ['ana', 'rui']), 'renamed takes name; got 2')
  assert.deepEqual(dataOf(methods, 'renamed', ['ana']), { data: { name: 'ana' } })
  assert.equal(wrong('none', [1]), 'none takes no parameters by position; got 1')
  assert.equal(wrong('odd', [1]), 'odd takes no parameters by position; got 1')
  assert.equal(wrong('elsewhere', [1]), 'the parameters of "elsewhere" are not known here: give them by name')
  assert.deepEqual(dataOf(methods, 'elsewhere', []), { data: {} })
  assert.deepEqual(dataOf(methods, 'elsewhere', { a: 1 }), { data: { a: 1 } })
})

type Document = {
  openrpc: string
  info: { title: string; version: string }
  methods: Record<string, unknown>[]
}

test('every service is in the OpenRPC document, which has what the meta-schema requires and nothing it forbids', () => {
  const { services } = createApplication()
  const document = JSON.parse(JSON.stringify(openRpcOf(createMethods(services), '1.2.3'))) as Document
  assert.match(document.openrpc, /^1\.\d+\.\d+$/)
  assert.equal(document.info.version, '1.2.3')
  assert.ok(document.info.title.length > 0)
  assert.deepEqual(new Set(Object.keys(document)), new Set(['openrpc', 'info', 'servers', 'methods']))
  assert.deepEqual(
    document.methods.map(({ name }) => name),
    [...services.keys()].sort(),
  )
  for (const method of document.methods) assertMethod(method)
})

test('what is said of a parameter is what its schema takes', () => {
  const { services } = createApplication()
  const all = createMethods(services)
  assert.deepEqual(
    all.get('publish')!.parameters.map(({ name, required }) => [name, required]),
    [
      ['user', true],
      ['channel', true],
      ['message', true],
    ],
  )
  const [user] = all.get('publish')!.parameters
  const { description, ...schema } = user!.schema
  assert.equal(typeof description, 'string')
  assert.deepEqual(schema, { type: 'string', minLength: 1, maxLength: 64 })
  assert.deepEqual(
    all.get('message')!.parameters.map(({ name, required }) => (required ? name : `${name}?`)),
    ['src', 'dst', 'message', 'from?', 'to?'],
  )
  const limit = all.get('history')!.parameters.find(({ name }) => name === 'limit')!
  assert.equal(limit.required, false)
  assert.match(JSON.stringify(limit.schema), /"type":"integer","minimum":1,"maximum":1000/)
  assert.deepEqual(all.get('users')!.parameters, [])
})

const METHOD_FIELDS = new Set([
  ...['name', 'description', 'summary', 'servers', 'tags', 'paramStructure', 'params', 'result', 'errors', 'links'],
  ...['examples', 'deprecated', 'externalDocs'],
])

function assertMethod(method: Record<string, unknown>): void {
  const what = String(method.name)
  for (const field of Object.keys(method)) assert.ok(METHOD_FIELDS.has(field), `${what}.${field}`)
  assert.ok(what.length > 0)
  assert.ok(['by-position', 'by-name', 'either'].includes(String(method.paramStructure)))
  const params = method.params as { name: string; required: boolean; schema: unknown }[]
  for (const { name, schema } of [...params, method.result as (typeof params)[number]]) {
    assert.ok(name.length > 0, what)
    assert.ok(typeof schema === 'object' && schema !== null, `${what}: ${name}`)
  }
  assert.equal(new Set(params.map(({ name }) => name)).size, params.length)
  const firstOptional = params.findIndex(({ required }) => !required)
  if (firstOptional >= 0)
    assert.ok(
      params.slice(firstOptional).every(({ required }) => !required),
      `${what}: required last`,
    )
  const codes = (method.errors as { code: unknown; message: unknown }[]).map(({ code, message }) => {
    assert.ok(Number.isInteger(code) && typeof message === 'string', what)
    return code
  })
  assert.equal(new Set(codes).size, codes.length, 'no code twice')
}
