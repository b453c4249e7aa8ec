import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Data } from '../../../src/protocol/envelope.ts'
import { checkRequest } from '../../../src/protocol/service.ts'
import { PEOPLE } from '../../../src/server/services/compute/people.ts'
import { createApplication } from '../../../src/server/services/index.ts'

const host = { server: 'one', version: '1.2.3', node: 'v20', os: 'Linux 6', uptimeSeconds: () => 17 }
const app = createApplication(host)

/** The fields of the reply, or the refusal as `code: description`. */
function ask(name: string, data: Data): Data | string {
  const service = app.services.get(name)
  assert.ok(service?.ack === 'stateless', name)
  const checked = checkRequest(service.schema, data)
  const answered = 'refusal' in checked ? checked : service.answer(checked.request, app.host)
  return 'refusal' in answered ? `${answered.refusal.code}: ${answered.refusal.description}` : answered.data
}

const refusals: [service: string, data: Data, refusal: string][] = [
  ['sum', { a: 1 }, 'bad_request: b: must be a number, got nothing'],
  ['sum', { a: 'one', b: 1 }, 'bad_request: a: must be a number, got "one"'],
  ['sum', { a: Number.NaN, b: 1 }, 'bad_request: a: must be a number, got NaN'],
  ['sum', { a: 1, b: Number.POSITIVE_INFINITY }, 'bad_request: b: must be a number, got Infinity'],
  ['soma', { a: null, b: 1 }, 'bad_request: a: must be a number, got null'],
  ['soma', { a: '0x10', b: '' }, 'bad_request: a: must be a number, got "0x10"'],
  ['sum', { a: '1e999', b: 1 }, 'bad_request: a: must be a number, got "1e999"'],
  ['sum', { a: 1e308, b: 1e308 }, 'bad_request: the sum of a and b is too large'],
  ['mean', { values: [] }, 'bad_request: values: must have at least one number'],
  ['mean', { values: 3 }, 'bad_request: values: must be a list of numbers, got 3'],
  ['mean', {}, 'bad_request: values: must be a list of numbers, got nothing'],
  ['media', { valores: [1, 'x'] }, 'bad_request: valores.1: must be a number, got "x"'],
  ['media', { valores: 'x' }, 'bad_request: valores: must be a list of numbers, got "x"'],
  ['mean', { values: Array(10_001).fill(1) }, 'bad_request: values: must have at most 10000 numbers'],
  ['busca', { nome: 7 }, 'bad_request: nome must be text of 1 to 64 characters, got 7'],
  ['search', {}, 'bad_request: name must be text of 1 to 64 characters, got undefined'],
  ['search', { name: 'Pelé' }, 'not_found: there is nobody called "Pelé"'],
  ['search', { name: '?!' }, 'not_found: there is nobody called "?!"'],
]

for (const [service, data, refusal] of refusals)
  test(`${service} refuses ${JSON.stringify(data).slice(0, 60)}`, () => assert.equal(ask(service, data), refusal))

test('sums', () => {
  assert.deepEqual(ask('sum', { a: 10, b: 5 }), { status: 'sucesso', result: 15, resultado: 15 })
  assert.deepEqual(ask('soma', { a: ' 2.5 ', b: '-1e1' }), { status: 'sucesso', result: -7.5, resultado: -7.5 })
})

test('means', () => {
  assert.deepEqual(ask('media', { valores: [1, '2', 6] }), { status: 'sucesso', result: 3, resultado: 3, count: 3 })
  assert.equal((ask('mean', { values: [1e308, 1e308] }) as Data).result, 1e308)
})

test('a mean is between the smallest and the largest', () => {
  const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), {
    minLength: 1,
    maxLength: 50,
  })
  fc.assert(
    fc.property(values, (values) => {
      const { result } = ask('mean', { values }) as { result: number }
      const room = Math.max(...values.map(Math.abs)) * 1e-12
      return result >= Math.min(...values) - room && result <= Math.max(...values) + room
    }),
  )
})

test('everybody in the table is found by the full name, without accents, in any case', () => {
  for (const { name, ...rest } of PEOPLE) {
    const plain = name.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase()
    const found = ask('search', { name: plain }) as Data
    assert.equal(found.name, name)
    assert.equal(found.nome, name)
    assert.equal(found.cidade, rest.city)
  }
  assert.ok(PEOPLE.length >= 20)
})

test('a part of a name is enough, by any name of the service', () => {
  assert.equal((ask('busca', { nome: 'joao' }) as Data).nome, 'João Carvalho')
  assert.equal((ask('search', { name: 'JOÃO' }) as Data).age, 49)
})

test('info says what it was given', () => {
  const { uptimeSeconds: _, ...said } = host
  assert.deepEqual(ask('info', {}), { status: 'sucesso', ...said, uptime: 17 })
})
