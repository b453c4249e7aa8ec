import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest } from '../../../src/protocol/service.ts'
import { createApplication } from '../../../src/server/services/index.ts'

const app = createApplication()

/** What a service says to a request: the normalised request, or the refusal's code. */
function ask(service: string, data: Record<string, unknown>): unknown {
  const found = app.services.get(service)
  assert.ok(found, service)
  const checked = checkRequest(found.schema, data)
  return 'refusal' in checked ? checked.refusal.code : checked.request
}

const cases: [string, Record<string, unknown>, unknown][] = [
  ['login', { user: 'ana', timestamp: 1, clock: 2 }, { user: 'ana' }],
  ['register_user', { user: 'ana' }, { user: 'ana' }],
  ['login', {}, 'bad_request'],
  ['login', { user: 7 }, 'bad_request'],
  ['login', { user: 'replica/1' }, 'reserved_name'],
  ['channel', { channel: 'a\u0007' }, 'bad_request'],
  ['users', {}, {}],
  ['list_channels', { anything: 1 }, {}],
  ['publish', { user: 'ana', channel: 'samba', message: '' }, { user: 'ana', channel: 'samba', message: '' }],
  ['publish', { user: 'ana', channel: 'samba', message: 'x'.repeat(70_000) }, 'too_large'],
  ['publish', { user: 'ana', channel: 'samba' }, 'bad_request'],
  ['message', { src: 'ana', dst: 'rui', message: 'oi' }, { src: 'ana', dst: 'rui', message: 'oi' }],
  ['message', { from: 'ana', to: 'rui', message: 'oi' }, { src: 'ana', dst: 'rui', message: 'oi' }],
  ['message', { from: 'ana', message: 'oi' }, 'bad_request'],
  ['history', { channel: 'samba' }, { channel: 'samba' }],
  [
    'history',
    { user: 'ana', with: 'rui', limit: 10, before: null },
    { user: 'ana', with: 'rui', limit: 10, before: null },
  ],
  ['history', { channel: 'samba', user: 'ana' }, 'bad_request'],
  ['history', {}, 'bad_request'],
  ['history', { channel: 'samba', limit: 1001 }, 'bad_request'],
  ['history', { channel: 'samba', limit: 0.5 }, 'bad_request'],
]

for (const [service, data, expected] of cases)
  test(`${service} ${JSON.stringify(data).slice(0, 80)}`, () => assert.deepEqual(ask(service, data), expected))

test('a snapshot brings the state back, and equal states give equal text', () => {
  const fill = (names: string[]) => {
    const state = app.create()
    const service = app.folds.get('channels')!
    for (const channel of names) service.apply!({ time: 5, clock: 1, body: { channel } }, state)
    return state
  }
  const one = app.snapshot(fill(['samba', 'fado', '__proto__']))
  const other = app.snapshot(fill(['__proto__', 'samba', 'fado']))
  assert.equal(JSON.stringify(one), JSON.stringify(other))
  assert.deepEqual(app.snapshot(app.restore(JSON.parse(JSON.stringify(one)))), one)
  assert.throws(() => app.restore({ users: 1 }))
})
