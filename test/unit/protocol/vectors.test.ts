import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decode, encode, MalformedError } from '../../../src/protocol/codec.ts'
import { isMap, readBody } from '../../../src/protocol/envelope.ts'
import { readReplicaMessage } from '../../../src/protocol/replica.ts'

type Vector = { name: string; json: unknown; hex: string }
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../../test/vectors/${name}`, import.meta.url), 'utf8'))
const vectors: Vector[] = read('protocol.json')
const refused: { name: string; hex: string; reason: string }[] = read('refused.json')

/** JSON with `{"$bytes": hex}` for binary. */
function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson)
  if (!isMap(value)) return value
  if (typeof value.$bytes === 'string') return new Uint8Array(Buffer.from(value.$bytes, 'hex'))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromJson(inner)]))
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(plain)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

for (const { name, json, hex } of vectors) {
  test(`vector: ${name}`, () => {
    assert.deepEqual(plain(decode(Buffer.from(hex, 'hex'))), fromJson(json))
    assert.equal(Buffer.from(encode(fromJson(json))).toString('hex'), hex)
    const value = fromJson(json)
    if (name.startsWith('servers: ')) assert.notEqual(readReplicaMessage(value), null)
  })
}

for (const { name, hex, reason } of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => decode(Buffer.from(hex, 'hex')),
      (error) => error instanceof MalformedError && error.message.includes(reason),
    )
  })
}

type Session = { habit: string; requests: { service: string; fields: Record<string, unknown>; hex: string }[] }
/** Numbers may come as their digits; bytes are not yet text. */
const plainly = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plainly)
  return typeof value === 'number' ? String(value) : value
}
const OTHER_NAMES = new Set(['register_user', 'list_channels'])

for (const { habit, requests } of read('old-clients.json') as Session[]) {
  test(`an old client is understood: ${habit}`, () => {
    requests.forEach(({ service, fields, hex }, index) => {
      const [request] = readBody(decode(Buffer.from(hex, 'hex'))).requests
      assert.equal(request!.wrong, null)
      assert.ok(request!.service === service || OTHER_NAMES.has(request!.service), request!.service)
      assert.ok([0, index, index + 1].includes(request!.clock), `clock ${request!.clock}`)
      const { src, dst, from, to, ...rest } = request!.data
      const known = { ...rest, src: src ?? from, dst: dst ?? to }
      for (const [name, value] of Object.entries(fields))
        assert.deepEqual(plainly((known as typeof rest)[name]), plainly(value), name)
    })
  })
}
