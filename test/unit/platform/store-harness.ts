/** Servers on real directories for the tests of the store: the real replica and the real store, without sockets. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReplica, type Replica, step } from '../../../src/core/replica.ts'
import { reportOf } from '../../../src/core/report.ts'
import type { Effect, Input } from '../../../src/core/types.ts'
import { createLog } from '../../../src/platform/log.ts'
import type { Store } from '../../../src/platform/store.ts'
import { type Others, openStore, type Standing } from '../../../src/platform/store-open.ts'
import { type Instance, makeOrigin, type Rank, type ReplicaMessage } from '../../../src/protocol/replica.ts'
import type { Application } from '../../../src/protocol/service.ts'
import { createApplication } from '../../../src/server/services/index.ts'

const directories: string[] = []

/** To be called when the tests of a file are done. */
export function removeDirectories(): void {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
}

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'compasso-store-'))
  directories.push(directory)
  return directory
}

export function copyOf(directory: string): string {
  const copy = newDirectory()
  cpSync(directory, copy, { recursive: true })
  return copy
}

/** What was logged, as records. */
export const logged: Record<string, unknown>[] = []
export const log = createLog({ logLevel: 'info', logFormat: 'json' }, 'test', {
  write: (line) => logged.push(JSON.parse(line)),
})

const RANK = 1 as Rank

/** A server that is its only member. */
export const ALONE: Others = { areThere: () => Promise.resolve(false), lend: () => assert.fail('nobody is there') }

/** Others whose public files are those of some directories, asked in turn. */
export function othersWith(...donors: string[]): Others & { standing: Standing | null } {
  const turns = new Map<string, number>()
  let name = ''
  const others: Others & { standing: Standing | null } = {
    standing: null,
    areThere: () => Promise.resolve(true),
    async lend(standing, work) {
      others.standing = standing
      await work({
        get name() {
          return name
        },
        next: (log) => turns.set(log, (turns.get(log) ?? 0) + 1),
        give: async (log, from, to) => {
          const turn = (turns.get(log) ?? 0) % donors.length
          name = `donor ${turn}`
          return readFileSync(join(donors[turn]!, `${log}.jsonl`)).subarray(from, to)
        },
      })
    },
  }
  return others
}

export type Server = {
  replica: Replica
  store: Store
  replies: unknown[]
  feed(input: Input): Promise<void>
  /** Becomes the only member of a view of one, and installs it. */
  install(): Promise<void>
  /** Is left out of a view, and takes lines from another server's store up to its position. */
  copyFrom(other: Server): Promise<void>
  close(): Promise<void>
}

export type ServerOptions = { app?: Application; checkpointBytes?: number; others?: Others; segmentBytes?: number }

let lives = 0

/** Opens a directory. */
export async function open(directory: string, options: ServerOptions = {}): Promise<Server> {
  const { app = createApplication() as Application } = options
  const { checkpointBytes = 20_000, others = ALONE, segmentBytes = 256 << 10 } = options
  const onFailure = (error: Error): never => assert.fail(error)
  const onFull = (): never => assert.fail('full')
  const opening = { directory, rank: RANK, app, log, onFailure, onFull, others, segmentBytes }
  const { store, restored } = await openStore(opening)
  const instance = `life-${++lives}` as Instance
  const replica = createReplica(RANK, instance, app, restored, { checkpointBytes, windowPositions: 1000 })
  const replies: unknown[] = []
  let now = 0
  const carryOut = createHands(store, replies)
  const feed = async (input: Input): Promise<void> => {
    now += 10
    const following = step(replica, now, [input]).map(carryOut)
    for (const next of await Promise.all(following)) if (next !== null) await feed(next)
  }
  const endpoint = { peer: 'tcp://127.0.0.1:1', pub: 'tcp://127.0.0.1:2' }
  const learn = async (rank: Rank, member: Instance): Promise<number> => {
    const number = (replica.known?.number ?? 0) + 1
    const members = [{ rank, origin: makeOrigin(rank, number), instance: member, endpoint }]
    await feed({ type: 'view', view: { number, nonce: 'n', quorum: 1, members } })
    return number
  }
  return {
    ...{ replica, store, replies, feed, close: () => store.close() },
    async install() {
      const number = await learn(RANK, instance)
      assert.equal(reportOf(replica).installed?.number, number)
    },
    async copyFrom(other) {
      const rank = 2 as Rank
      const from = replica.position
      const view = await learn(rank, other.replica.instance)
      const lines = await other.store.copy(from, other.replica.position, 1 << 20)
      const { instance: giver, clock, position } = other.replica
      const { writes } = app
      const message: ReplicaMessage = {
        ...{ type: 'copied', rank, instance: giver, clock, from, ...lines, position, view, writes },
      }
      await feed({ type: 'message', message })
      assert.equal(replica.position, lines.to)
    },
  }
}

/** Opens a directory and installs a view. */
export async function start(directory: string, options: ServerOptions = {}): Promise<Server> {
  const server = await open(directory, options)
  await server.install()
  return server
}

function createHands(store: Store, replies: unknown[]): (effect: Effect) => Promise<Input | null> | null {
  return (effect) => {
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
}

let ids = 0

export const request = (service: string, data: Record<string, unknown>): Input => {
  const one = { token: null, service, id: `id-${++ids}`, data, clock: 0, stamp: 0 }
  return { type: 'requests', requests: [one], time: 1_700_000_000_000 + ids }
}

/** Has a server publish. */
export async function fill(server: Server, publications: number): Promise<void> {
  await server.feed(request('login', { user: 'ana' }))
  await server.feed(request('channel', { channel: `music-${ids}` }))
  const [channel] = [...(server.replica.state as { channels: Map<string, number> }).channels.keys()]
  for (let i = 0; i < publications; i++)
    await server.feed(request('publish', { user: 'ana', channel, message: `number ${i} é` }))
}

export const textOf = (directory: string, name: string): string => readFileSync(join(directory, name), 'utf8')
