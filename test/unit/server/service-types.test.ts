/** What the types of the services say to their callers. Compiling is the test: an expected error that is none fails. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { createApplication } from '../../../src/server/services/index.ts'
import type { ServiceTypes } from '../../../src/server/services/types.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_ extends true>(): void => {}
const request = <Name extends keyof ServiceTypes>(_: Name, __: ServiceTypes[Name]['request']): void => {}

test('requests and replies have the types of their schemas', () => {
  is<Equal<ServiceTypes['login']['request'], { user: string }>>()
  is<Equal<ServiceTypes['register_user']['request'], { user: string }>>()
  is<Equal<ServiceTypes['publish']['reply'], { readonly status: 'OK'; timestamp: number; clock: number }>>()
  is<Equal<ServiceTypes['users']['reply']['users'], readonly string[]>>()
  is<Equal<ServiceTypes['users']['reply']['stale'], boolean | undefined>>()
  is<Equal<ServiceTypes['history']['reply']['next'], number | null>>()
  is<Equal<ServiceTypes['history']['reply']['items'][number]['n'], number>>()
  request('message', { src: 'ana', dst: 'rui', message: 'oi' })
  request('message', { from: 'ana', to: 'rui', message: 'oi' })
  request('history', { channel: 'samba', limit: 10 })
  request('media', { valores: [1, '2'] })
  request('catalog', { genre: 'samba' })
  is<Equal<ServiceTypes['soma']['reply']['resultado'], number>>()
  is<Equal<ServiceTypes['search']['reply']['idade'], number>>()
  is<Equal<ServiceTypes['playlist.create']['reply']['status'], 'sucesso'>>()
})

test('wrong requests do not compile', () => {
  // @ts-expect-error there is no such service
  request('logout', {})
  // @ts-expect-error a field is missing
  request('login', {})
  // @ts-expect-error a field has another type
  request('login', { user: 7 })
  // @ts-expect-error one of the two users is missing
  request('message', { src: 'ana', message: 'oi' })
  // @ts-expect-error there is no such genre
  request('catalog', { genre: 'polka' })
  // @ts-expect-error a limit is a number
  request('history', { channel: 'samba', limit: '10' })
})

test('every service says what it does, and its request has a JSON schema with descriptions', () => {
  for (const [name, { summary, schema }] of createApplication().services) {
    assert.match(summary, /^[A-Z].*\.$/, name)
    const json = z.toJSONSchema(schema as z.ZodType, { io: 'input' })
    assert.equal(json.type, 'object', name)
    for (const [field, value] of Object.entries(json.properties ?? {}))
      assert.ok(typeof value === 'object' && value.description, `${name}.${field} has no description`)
  }
})
