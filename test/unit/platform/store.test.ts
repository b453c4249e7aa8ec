import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EMPTY_CHECKPOINT } from '../../../src/core/recovery.ts'
import { createReplica, type Replica, step } from '../../../src/core/replica.ts'
import { reportOf } from '../../../src/core/report.ts'
import type { Effect, Input } from '../../../src/core/types.ts'
import { createLog } from '../../../src/platform/log.ts'
import { StartError } from '../../../src/platform/role.ts'
import { openStore, type Store } from '../../../src/platform/store.ts'
import { type Instance, makeOrigin, type Rank } from '../../../src/protocol/replica.ts'
import { createApplication } from '../../../src/server/services/index.ts'

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

const silent: string[] = []
const log = createLog({ logLevel: 'info', logFormat: 'json' }, 'test', { write: (line) => silent.push(line) })
const RANK = 1 as Rank

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'compasso-store-'))
  directories.push(directory)
  return directory
}

/** A server of a cluster of one on a real directory: the replica and its store, without sockets. */
type Server = {
  replica: Replica
  store: Store
  replies: unknown[]
  feed(input: Input): Promise<void>
  close(): Promise<void>
}

let lives = 0

async function start(directory: string, checkpointBytes = 20_000): Promise<Server> {
  const app = createApplication()
  const onFailure = (error: Error): never => assert.fail(error)
  const onFull = (): never => assert.fail('full')
  const { store, restored } = await openStore({ directory, rank: RANK, app, log, onFailure, onFull })
  const instance = `life-${++lives}` as Instance
  const replica = createReplica(RANK, instance, app, restored, { checkpointBytes, windowPositions: 1000 })
  const replies: unknown[] = []
  let now = 0
  const carryOut = (effect: Effect): Promise<Input | null> | null => {
    switch (effect.type) {
      case 'commit': {
        const committed: Input = { type: 'committed', token: effect.token }
        return new Promise((resolve) => {
          if (store.commit(effect.records, () => resolve(committed))) resolve(committed)
        })
      }
      case 'checkpoint':
        return new Promise((resolve) => {
          store.checkpoint(effect, () => resolve({ type: 'checkpointed', token: effect.token }))
        })
      case 'write':
        store.write(effect.log, effect.lines)
        return null
      case 'reply':
        replies.push(effect.outcome)
        return null
      default:
        return null
    }
  }
  const feed = async (input: Input): Promise<void> => {
    now += 10
    const following = step(replica, now, [input]).map(carryOut)
    for (const next of await Promise.all(following)) if (next !== null) await feed(next)
  }
  const number = (restored.known?.number ?? 0) + 1
  const endpoint = { peer: 'tcp://127.0.0.1:1', pub: 'tcp://127.0.0.1:2' }
  const members = [{ rank: RANK, origin: makeOrigin(RANK, number), instance, endpoint }]
  await feed({ type: 'view', view: { number, nonce: 'n', quorum: 1, members } })
  assert.equal(reportOf(replica).installed?.number, number)
  return { replica, store, replies, feed, close: () => store.close() }
}

let ids = 0
const request = (service: string, data: Record<string, unknown>): Input => {
  const one = { token: null, service, id: `id-${++ids}`, data, clock: 0, stamp: 0 }
  return { type: 'requests', requests: [one], time: 1_700_000_000_000 + ids }
}

async function fill(server: Server, publications: number): Promise<void> {
  await server.feed(request('login', { user: 'ana' }))
  await server.feed(request('channel', { channel: `music-${ids}` }))
  const [channel] = [...(server.replica.state as { channels: Map<string, number> }).channels.keys()]
  for (let i = 0; i < publications; i++)
    await server.feed(request('publish', { user: 'ana', channel, message: `number ${i} é` }))
}

const textOf = (directory: string, name: string): string => readFileSync(join(directory, name), 'utf8')

test('what was written is there after every restart, with checkpoints and without', async () => {
  const directory = newDirectory()
  let position = 0
  for (const publications of [0, 3, 300, 2, 120]) {
    const server = await start(directory)
    assert.equal(server.replica.position, position)
    await fill(server, publications)
    position = server.replica.position
    const { digest } = server.replica
    await server.close()
    const again = await start(directory)
    assert.deepEqual([again.replica.position, again.replica.digest], [position, digest])
    await again.close()
  }
  const lines = ['publications', 'logins', 'channels'].flatMap((name) =>
    textOf(directory, `${name}.jsonl`).trim().split('\n'),
  )
  const positions = lines.map((line) => JSON.parse(line).n as number).sort((a, b) => a - b)
  assert.deepEqual(
    positions,
    Array.from({ length: position }, (_, i) => i + 1),
  )
})

test('server.json says what sha256sum says, and registry.json where it stands', async () => {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 200)
  await server.close()
  const saved = JSON.parse(textOf(directory, 'server.json'))
  const registry = JSON.parse(textOf(directory, 'registry.json'))
  assert.equal(registry.position, saved.checkpoint.position)
  assert.ok(saved.checkpoint.position > 0)
  for (const [name, { bytes, sha256 }] of Object.entries<{ bytes: number; sha256: string }>(saved.files)) {
    const part = readFileSync(join(directory, `${name}.jsonl`)).subarray(0, bytes)
    assert.equal(createHash('sha256').update(part).digest('hex'), sha256)
  }
})

test('a process that was killed shortens nothing; what only its journal holds comes back', async () => {
  const directory = newDirectory()
  const server = await start(directory, 1 << 20)
  await fill(server, 50)
  // No close: as after kill -9. Then a power cut takes what was not fsynced of the public file, and tears a line.
  const { position, digest } = server.replica
  const path = join(directory, 'publications.jsonl')
  const whole = readFileSync(path)
  truncateSync(path, whole.length - 1000)
  const again = await start(directory, 1 << 20)
  assert.equal(again.replica.position, position)
  assert.deepEqual(again.replica.digest, digest)
  assert.deepEqual(readFileSync(path), whole)
  await again.close()
})

test('lines that nobody journalled are cut', async () => {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 20)
  await server.close()
  const { position } = server.replica
  const line = `{"n":${position + 1},"clock":9999,"origin":"server-9@9","seq":1,"id":"x","time":1,"user":"u"}\n`
  appendFileSync(join(directory, 'publications.jsonl'), line)
  const again = await start(directory)
  assert.equal(again.replica.position, position)
  assert.ok(!textOf(directory, 'publications.jsonl').includes('server-9'))
  await again.close()
})

test('without its snapshot the state comes from the public lines', async () => {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 100)
  const { state } = server.replica
  await server.close()
  rmSync(join(directory, 'registry.json'))
  const again = await start(directory)
  assert.deepEqual(again.replica.state, state)
  await again.close()
})

const DAMAGES: Record<string, (directory: string) => void> = {
  'a public file that differs from its digest': (directory) => {
    const path = join(directory, 'publications.jsonl')
    const bytes = readFileSync(path)
    bytes[100]! ^= 1
    writeFileSync(path, bytes)
  },
  'a public file that is shorter than its checkpoint': (directory) =>
    truncateSync(join(directory, 'publications.jsonl'), 10),
  'a public file that is missing': (directory) => rmSync(join(directory, 'logins.jsonl')),
  'server.json that is missing': (directory) => rmSync(join(directory, 'server.json')),
  'server.json that is no JSON': (directory) => writeFileSync(join(directory, 'server.json'), '{"format":1,'),
  'server.json of another rank': (directory) =>
    writeFileSync(
      join(directory, 'server.json'),
      JSON.stringify({ format: 1, rank: 2, checkpoint: EMPTY_CHECKPOINT, files: {} }),
    ),
  'a journal that is damaged before its end': (directory) => {
    const name = readdirSync(directory).find((one) => /^journal-\d+\.jsonl$/.test(one))!
    const path = join(directory, name)
    const bytes = readFileSync(path)
    bytes[50]! ^= 1
    writeFileSync(path, bytes)
  },
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`${what} is moved aside, loudly, and the server starts empty`, async () => {
    const directory = newDirectory()
    const server = await start(directory)
    await fill(server, 150)
    await server.close()
    damage(directory)
    const names = readdirSync(directory).sort()
    silent.length = 0
    const again = await start(directory)
    assert.equal(again.replica.position, 0)
    await again.close()
    const errors = silent.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
    assert.equal(errors.length, 1)
    assert.ok(errors[0].msg.includes(directory))
    assert.deepEqual(readdirSync(errors[0].aside).sort(), names)
  })
}

test('a directory of a newer version is left alone', async () => {
  const directory = newDirectory()
  writeFileSync(join(directory, 'server.json'), JSON.stringify({ format: 2, rank: 1, anything: true }))
  await assert.rejects(start(directory), (error) => error instanceof StartError && /newer version/.test(error.message))
  assert.deepEqual(readdirSync(directory), ['server.json'])
})
