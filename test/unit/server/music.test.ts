import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Data } from '../../../src/protocol/envelope.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'
import { checkRequest } from '../../../src/protocol/service.ts'
import { createApplication, type State } from '../../../src/server/services/index.ts'
import { CATALOGUE, GENRES, TRACKS } from '../../../src/server/services/music/catalogue.ts'

const app = createApplication()
let time = 1000

/** Does what a server alone would do: asks the state, and applies the event at once. The data, or the refusal. */
function ask(state: State, name: string, data: Data): Data | string {
  const service = app.services.get(name)
  assert.ok(service, name)
  const checked = checkRequest(service.schema, data)
  if ('refusal' in checked) return `${checked.refusal.code}: ${checked.refusal.description}`
  const { request } = checked
  if (service.ack === 'stateless' || service.ack === 'read') {
    const said = service.ack === 'read' ? service.read(request, state) : service.answer(request, app.host)
    if ('refusal' in said) return `${said.refusal.code}: ${said.refusal.description}`
    return 'query' in said ? { query: said.query } : said.data
  }
  const prepared = service.prepare(request, state)
  if ('refusal' in prepared) return `${prepared.refusal.code}: ${prepared.refusal.description}`
  const body = JSON.parse(JSON.stringify(prepared.body))
  assert.equal(app.folds.get(service.log)!.apply!({ time: time++, clock: 1, body }, state), null)
  return service.success
}

const code = (said: Data | string): string => (typeof said === 'string' ? said.split(':')[0]! : 'ok')
const [first, second] = CATALOGUE.map(({ id }) => id) as [string, string]
const ana = { user: 'ana', name: 'manhã' }

test('the catalogue has its tracks, each under an id of its own', () => {
  assert.ok(CATALOGUE.length >= 60)
  assert.equal(TRACKS.size, CATALOGUE.length)
  for (const { id, genre } of CATALOGUE) assert.match(`${id} ${GENRES.includes(genre)}`, /^[a-z0-9-]{2,64} true$/)
})

test('catalog finds by words, genre and limit', () => {
  const state = app.create() as State
  const titles = (data: Data): unknown => (ask(state, 'catalog', data) as { tracks: Data[] }).tracks.map((t) => t.title)
  assert.deepEqual(titles({ query: 'LUA papel' }), ['Lua de Papel'])
  assert.deepEqual(titles({ query: 'iara', limit: 1 }), ['Lua de Papel'])
  assert.equal((titles({ genre: 'fado' }) as string[]).length, 6)
  assert.deepEqual(titles({ query: 'nothing like this' }), [])
  assert.match(String(ask(state, 'catalog', { genre: 'polka' })), /^bad_request: genre: must be one of baião, bossa/)
  assert.match(String(ask(state, 'catalog', { limit: 0 })), /^bad_request: limit: must be at least 1/)
})

test('playlists are made, filled, emptied and deleted, and what makes no sense is refused', () => {
  const state = app.create() as State
  const steps: [service: string, data: Data, code: string][] = [
    ['playlist.add', { ...ana, track: first }, 'not_found'],
    ['playlist.create', ana, 'ok'],
    ['playlist.create', ana, 'already_exists'],
    ['playlist.create', { ...ana, user: 'rui' }, 'ok'],
    ['playlist.add', { ...ana, track: first }, 'ok'],
    ['playlist.add', { ...ana, track: first }, 'already_exists'],
    ['playlist.add', { ...ana, track: 'no-such-track' }, 'not_found'],
    ['playlist.add', { ...ana, track: 7 }, 'bad_request'],
    ['playlist.add', { ...ana, track: second }, 'ok'],
    ['playlist.remove', { ...ana, track: first }, 'ok'],
    ['playlist.remove', { ...ana, track: first }, 'not_found'],
    ['playlist.remove', { user: 'zé', name: 'x', track: first }, 'not_found'],
    ['playlist.get', { user: 'zé', name: 'x' }, 'not_found'],
    ['playlist.create', { user: 'ana', name: '' }, 'bad_request'],
  ]
  for (const [service, data, expected] of steps)
    assert.equal(code(ask(state, service, data)), expected, `${service} ${JSON.stringify(data)}`)
  assert.deepEqual((ask(state, 'playlist.get', ana) as { tracks: Data[] }).tracks, [TRACKS.get(second)])
  assert.deepEqual(
    (ask(state, 'playlist.list', { user: 'ana' }) as { playlists: Data[] }).playlists.map(({ name, tracks }) => [
      name,
      tracks,
    ]),
    [['manhã', 1]],
  )
  assert.equal(code(ask(state, 'playlist.delete', ana)), 'ok')
  assert.equal(code(ask(state, 'playlist.delete', ana)), 'not_found')
  assert.deepEqual(ask(state, 'playlist.list', { user: 'ana' }), { playlists: [] })
  assert.equal(state.playlists.has('ana'), false)
})

test('what a user can keep is bounded, and the largest answers fit into a frame', () => {
  const state = app.create() as State
  for (let i = 0; i < LIMITS.playlistsOfUser; i++)
    assert.equal(code(ask(state, 'playlist.create', { user: 'ana', name: `list ${i}` })), 'ok')
  assert.match(String(ask(state, 'playlist.create', ana)), /^too_large: "ana" has 50 playlists, the most there may be/)
  const list = state.playlists.get('ana')!.get('list 0')!
  for (let i = 0; i < LIMITS.playlistTracks; i++) list.tracks.add(`${i}`)
  assert.match(
    String(ask(state, 'playlist.add', { user: 'ana', name: 'list 0', track: first })),
    /^too_large: playlist "list 0" of "ana" has 200 tracks, the most/,
  )
})

test('a refusal in the order has the words that one before has', () => {
  const state = app.create() as State
  const before = ask(state, 'playlist.add', { ...ana, track: first })
  const service = app.services.get('playlist.add')
  assert.ok(service !== undefined && 'describe' in service)
  assert.equal(before, `not_found: ${service.describe!('not_found', { ...ana, track: first })}`)
})

test('profiles keep what is not set again', () => {
  const state = app.create() as State
  assert.equal(code(ask(state, 'profile.get', { user: 'ana' })), 'not_found')
  assert.equal(code(ask(state, 'profile.set', { user: 'ana', city: 'Olinda', genre: 'frevo' })), 'ok')
  assert.equal(code(ask(state, 'profile.set', { user: 'ana', about: 'oi', genre: null })), 'ok')
  const { updated, ...profile } = ask(state, 'profile.get', { user: 'ana' }) as Data
  assert.deepEqual(profile, { user: 'ana', about: 'oi', city: 'Olinda', genre: null, playlists: 0 })
  assert.equal(updated, time - 1)
  assert.match(
    String(ask(state, 'profile.set', { user: 'ana', genre: 'polka' })),
    /^bad_request: genre: must be one of/,
  )
  assert.match(
    String(ask(state, 'profile.set', { user: 'ana', about: 'x'.repeat(501) })),
    /^bad_request: about: must have/,
  )
})

test('plays are counted, and ties are broken by id', () => {
  const state = app.create() as State
  for (const track of [second, first, second, 'saideira', first])
    assert.equal(code(ask(state, 'play', { user: 'ana', track })), 'ok')
  assert.match(
    String(ask(state, 'play', { user: 'ana', track: 'nada' })),
    /^not_found: track "nada" is not in the catalogue/,
  )
  const top = (limit?: number): unknown =>
    (ask(state, 'top', limit === undefined ? {} : { limit }) as { tracks: Data[] }).tracks.map(({ id, plays }) => [
      id,
      plays,
    ])
  const tied = [first, second].sort()
  assert.deepEqual(top(), [
    [tied[0], 2],
    [tied[1], 2],
    ['saideira', 1],
  ])
  assert.deepEqual(top(1), [[tied[0], 2]])
  assert.deepEqual(ask(state, 'plays', { user: 'ana', limit: 2, before: 9 }), {
    query: { log: 'plays', anyOf: [{ user: 'ana' }], limit: 2, before: 9, after: null },
  })
})

/** Playlists as a flat list, operations as a table: slow, and obviously right within the bounds. */
function createTwin() {
  const lists: { user: unknown; name: unknown; tracks: unknown[] }[] = []
  return {
    take(service: string, { user, name, track }: Data): string {
      const list = lists.find((one) => one.user === user && one.name === name)
      const has = list?.tracks.includes(track) ?? false
      if (service === 'playlist.create')
        return list === undefined && lists.push({ user, name, tracks: [] }) ? 'ok' : 'already_exists'
      if (list === undefined) return 'not_found'
      if (service === 'playlist.delete') lists.splice(lists.indexOf(list), 1)
      if (service === 'playlist.add' && has) return 'already_exists'
      if (service === 'playlist.add') list.tracks.push(track)
      if (service === 'playlist.remove' && !has) return 'not_found'
      if (service === 'playlist.remove') list.tracks.splice(list.tracks.indexOf(track), 1)
      return 'ok'
    },
    of: (user: string) => lists.filter((one) => one.user === user).map(({ name, tracks }) => ({ name, tracks })),
  }
}

const some = <T>(...values: T[]) => fc.constantFrom(...values)
const operation = fc.record({
  service: some('playlist.create', 'playlist.delete', 'playlist.add', 'playlist.remove'),
  user: some('ana', '__proto__'),
  name: some('a', 'b', 'constructor'),
  track: some(...CATALOGUE.slice(0, 4).map(({ id }) => id)),
})

test('any operations leave what an obviously right twin has, and a snapshot brings it back', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const state = app.create() as State
      const twin = createTwin()
      for (const { service, ...data } of operations)
        assert.equal(code(ask(state, service, data)), twin.take(service, data), service)
      for (const user of ['ana', '__proto__']) {
        const lists = [...(state.playlists.get(user) ?? [])].map(([name, { tracks }]) => ({
          name,
          tracks: [...tracks],
        }))
        assert.deepEqual(lists, twin.of(user))
      }
      const snapshot = app.snapshot(state)
      const again = app.restore(JSON.parse(JSON.stringify(snapshot)))
      assert.deepEqual(again, state)
      assert.equal(JSON.stringify(app.snapshot(again)), JSON.stringify(snapshot))
    }),
  )
})
