/**
 * Ten clients work on the same playlists through all servers while these are killed in turn. All servers end with the same
 * playlists, and every answer was true: a yes is in the files once, a no is what the order says there, or was so when it
 * was given.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkOperations, type Operation } from '../../sim/operations.ts'
import { CallError, type Client, connect, type Data } from '../../src/client/client.ts'
import { type ParsedLine, parseLine, REFUSALS } from '../../src/core/lines.ts'
import { createApplication, type State } from '../../src/server/services/index.ts'
import { CATALOGUE } from '../../src/server/services/music/catalogue.ts'
import { areEqual, type Cluster, type PublicFiles, startCluster, waitFor } from './support/cluster.ts'
import { random } from './support/garbage.ts'

const CLIENTS = 10
const SERVERS = ['server-1', 'server-2', 'server-3']
const USERS = ['ana', 'rui']
const LISTS = ['manhã', 'noite']
const TRACKS = CATALOGUE.slice(0, 5).map(({ id }) => id)
const SERVICES = [
  'playlist.create',
  'playlist.add',
  'playlist.add',
  'playlist.add',
  'playlist.remove',
  'playlist.delete',
]
/** Longer than any restart takes, also on a busy machine. */
const PATIENCE_MS = 60_000
/** What was answered sooner was not sent a second time by anybody on the way. */
const ONE_ATTEMPT_MS = 400
const PAUSE_MS = 20

type Worker = { operations: Operation[]; more(count: number): Promise<void>; stop(): Promise<void> }

/** One thing after the other, at random, until it is stopped. */
function startWorker(client: Client, name: string, seed: number): Worker {
  const next = random(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!
  const operations: Operation[] = []
  let stopping = false
  let answered = 0
  const perform = async (): Promise<void> => {
    const service = pick(SERVICES)
    const list = { user: pick(USERS), name: pick(LISTS) }
    const data: Data = /add|remove/.test(service) ? { ...list, track: pick(TRACKS) } : list
    const id = `${name}-${operations.length}`
    const begun = { id, client: name, service, data, invokedAt: performance.now(), answeredAt: 0, brokerLife: 0 }
    const operation: Operation = { ...begun, result: 'unknown', code: null, seen: null }
    operations.push(operation)
    try {
      await client.call(service, data, { id, deadlineMs: PATIENCE_MS })
      operation.result = 'ok'
    } catch (error) {
      assert.ok(error instanceof CallError)
      operation.code = error.code
      if (!error.retriable && performance.now() - operation.invokedAt < ONE_ATTEMPT_MS) operation.result = 'refused'
    }
    operation.answeredAt = performance.now()
    answered++
  }
  const done = (async () => {
    while (!stopping) {
      await perform()
      await sleep(PAUSE_MS)
    }
  })()
  return {
    operations,
    async more(count) {
      const until = answered + count
      await Promise.race([waitFor(() => answered >= until, `${name} to get ${count} more answers`), done])
    },
    async stop() {
      stopping = true
      await done
    },
  }
}

function linesOf(files: PublicFiles, server: string): Map<number, ParsedLine> {
  const lines = Object.entries(files[server]!).flatMap(([name, bytes]) =>
    bytes
      .toString()
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => parseLine(text, name.replace('.jsonl', ''))!),
  )
  return new Map(lines.sort((a, b) => a.n - b.n).map((line) => [line.n, line]))
}

/** What the playlists must be, by the order in the files. */
function replay(lines: ReadonlyMap<number, ParsedLine>): State['playlists'] {
  const app = createApplication()
  const state = app.create()
  for (const line of lines.values()) {
    // There is nothing to apply in a refusal; whether it was true `checkOperations` looks at.
    if (line.log === REFUSALS) continue
    const code = app.folds.get(line.log)?.apply?.(line, state) ?? null
    if (line.skipped !== 'duplicate') assert.equal(code, line.skipped, `at position ${line.n}`)
  }
  return state.playlists
}

async function killInTurn(cluster: Cluster, workers: readonly Worker[]): Promise<void> {
  for (const server of SERVERS) {
    await Promise.all(workers.map((worker) => worker.more(5)))
    const starts = cluster.starts(server)
    cluster.kill(server)
    await Promise.all(workers.map((worker) => worker.more(5)))
    await cluster.back(server, starts)
    cluster.assertPrefixes()
  }
  await Promise.all(workers.map((worker) => worker.more(5)))
}

test('ten clients, kills, and every answer was true', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  await cluster.ready
  const clients = Array.from({ length: CLIENTS }, () => connect({ broker: cluster.config.brokerUrls }))
  t.after(() => Promise.all(clients.map((client) => client.close(0))))
  const workers = clients.map((client, index) => startWorker(client, `c${index + 1}`, index + 1))
  await killInTurn(cluster, workers)
  await Promise.all(workers.map((worker) => worker.stop()))
  await waitFor(() => areEqual(cluster.publicFiles()), 'equal files')

  const operations = workers.flatMap((worker) => worker.operations)
  const lines = linesOf(cluster.publicFiles(), 'server-1')
  const wrong: string[] = []
  checkOperations(operations, lines, new Set(), (what) => wrong.push(what))
  assert.deepEqual(wrong, [])
  const count = (result: string): number => operations.filter((one) => one.result === result).length
  t.diagnostic(
    `${count('ok')} done, ${count('refused')} refused, ${count('unknown')} not known, ${lines.size} positions`,
  )
  assert.ok(count('ok') > 50 && count('refused') > 50, 'there was something to check')

  // What each server says, asked often enough that every one of them has its turns.
  const playlists = replay(lines)
  for (const user of USERS)
    for (const name of LISTS) {
      const wanted = playlists.get(user)?.get(name)
      const said = await Promise.all(clients.map((client) => tracksOf(client, user, name)))
      for (const tracks of said) assert.deepEqual(tracks, wanted === undefined ? null : [...wanted.tracks])
    }
})

async function tracksOf(client: Client, user: string, name: string): Promise<string[] | null> {
  try {
    const { tracks } = await client.call('playlist.get', { user, name })
    return tracks.map(({ id }) => id)
  } catch (error) {
    if (error instanceof CallError && error.code === 'not_found') return null
    throw error
  }
}
