/** A directory outlives the set of services: those of a later version, or of a plug-in that comes and goes. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readChecked, showChecked } from '../../../src/platform/checked-json.ts'
import type { Readable } from '../../../src/platform/files-sums.ts'
import { foldFiles } from '../../../src/platform/store-fold.ts'
import { type Saved, savedPath, sha256Of } from '../../../src/platform/store-format.ts'
import type { Application } from '../../../src/protocol/service.ts'
import { createApplication, type State } from '../../../src/server/services/index.ts'
import { CATALOGUE } from '../../../src/server/services/music/catalogue.ts'
import { fill, newDirectory, removeDirectories, request, type Server, start, textOf } from './store-harness.ts'

after(removeDirectories)

const MUSIC = ['playlists', 'profiles', 'plays']
const [first, second] = CATALOGUE.map(({ id }) => id)

/** The services of a version before there was music: it knows none of its logs, and saves nothing of its state. */
function beforeMusic(): Application {
  const app = createApplication() as Application
  const keep = ([log]: [string, unknown]): boolean => !MUSIC.includes(log)
  return {
    ...app,
    services: new Map([...app.services].filter(([, service]) => !('log' in service) || keep([service.log, null]))),
    logs: app.logs.filter((log) => keep([log, null])),
    folds: new Map([...app.folds].filter(keep)),
    snapshot(state) {
      const { playlists: _, profiles: __, plays: ___, ...chat } = app.snapshot(state)
      return chat
    },
    restore: (value) => app.restore({ playlists: [], profiles: [], plays: [], ...(value as object) }),
  }
}

async function playMusic(server: Server): Promise<void> {
  await server.feed(request('playlist.create', { user: 'ana', name: 'manhã' }))
  await server.feed(request('playlist.add', { user: 'ana', name: 'manhã', track: first }))
  await server.feed(request('profile.set', { user: 'ana', city: 'Olinda' }))
  for (const track of [first, second, first]) await server.feed(request('play', { user: 'ana', track }))
  assert.deepEqual(
    server.replies.slice(-6).map((reply) => Object.keys(reply as object)),
    Array(6).fill(['data']),
  )
}

const restart = async (directory: string, app?: Application): Promise<Server> =>
  start(directory, app === undefined ? {} : { app })

test('a directory from before there was music is upgraded', async () => {
  const directory = newDirectory()
  const old = await restart(directory, beforeMusic())
  await fill(old, 50)
  await old.close()
  assert.deepEqual(Object.keys(JSON.parse(textOf(directory, 'registry.json'))).sort(), [
    'channels',
    'position',
    'users',
  ])
  assert.ok(!readdirSync(directory).includes('plays.jsonl'))

  const upgraded = await restart(directory)
  const { users, channels } = upgraded.replica.state as State
  assert.deepEqual([...users.keys()], ['ana'])
  assert.equal(channels.size, 1)
  await playMusic(upgraded)
  const { state } = upgraded.replica
  await upgraded.close()

  const again = await restart(directory)
  assert.deepEqual(again.replica.state, state)
  await again.close()
})

test('what a version without a service did not save is folded from the files when the service is back', async () => {
  const directory = newDirectory()
  const server = await restart(directory)
  await fill(server, 5)
  await playMusic(server)
  const { plays, playlists, profiles } = server.replica.state as State
  await server.close()
  const old = await restart(directory, beforeMusic())
  await fill(old, 100)
  await old.close()
  assert.equal(JSON.parse(textOf(directory, 'registry.json')).plays, undefined)
  const again = await restart(directory)
  const state = again.replica.state as State
  assert.deepEqual([state.plays, state.playlists, state.profiles], [plays, playlists, profiles])
  await again.close()
})

test('the state is the same from a snapshot and from the files, in pieces of any size', async () => {
  const directory = newDirectory()
  const server = await restart(directory)
  await fill(server, 3)
  await playMusic(server)
  const { state } = server.replica
  await server.close()
  const app = createApplication() as Application
  const files = [...app.folds.keys()].filter((log) => readdirSync(directory).includes(`${log}.jsonl`)).map(readable)
  for (const size of [200, 333, 4096]) assert.deepEqual(await foldFiles(app, files, size), state)

  function readable(log: string): Readable {
    const bytes = readFileSync(join(directory, `${log}.jsonl`))
    return { log, length: bytes.length, read: async (from, to) => bytes.subarray(from, to) }
  }
})

test('a snapshot that was tampered with is not believed, whatever the services', async () => {
  const directory = newDirectory()
  const server = await restart(directory)
  await fill(server, 3)
  await playMusic(server)
  const { state } = server.replica
  await server.close()
  const registry = { ...JSON.parse(textOf(directory, 'registry.json')), plays: 'many' }
  const text = JSON.stringify(registry)
  writeFileSync(join(directory, 'registry.json'), text)
  const saved = readChecked(textOf(directory, 'server.json')) as Saved
  writeFileSync(savedPath(directory), showChecked({ ...saved, registry: sha256Of(text) }))
  const again = await restart(directory)
  assert.deepEqual(again.replica.state, state)
  await again.close()
})
