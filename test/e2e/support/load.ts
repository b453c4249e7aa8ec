/**
 * Clients of two kinds that do all there is to do at random, one thing after the other, and note what became of each:
 * the client library, which retries, and plain REQ sockets, which do not. What they note is for history.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, connect, type Data } from '../../../src/client/client.ts'
import { type Ask, plainClient } from './clients.ts'
import { random } from './garbage.ts'
import type { Operation } from './history.ts'
import { Reader } from './load-reads.ts'
import { waitFor } from './wait.ts'

export type LoadOptions = {
  /** Where the brokers are. */
  broker: string | string[]
  /** How many of each kind. */
  library?: number
  plain?: number
  seed?: number
  /** In front of the names of clients: those of two loads of one cluster must differ. */
  prefix?: string
  /** Pause after each request, milliseconds; 0 asks again at once. */
  pauseMs?: number
}

export type Load = {
  operations(): Operation[]
  reads: Reader['counts']
  /** Reads that did not see what had been answered to the same client, and names that were given twice. */
  violations: string[]
  answered(): number
  /** Resolves when every client has so many more answers OK. */
  more(count: number): Promise<void>
  /** The longest time in which nobody heard OK, milliseconds. */
  longestWithoutOkMs(): number
  /** Resolves once every request under way is answered or given up. */
  stop(): Promise<void>
}

/** A client of the library gives up after this long; then nobody knows what became of the request. */
const DEADLINE_MS = 8000
/** A server answers within 5 s and the broker within 10 s, if they live. */
const PLAIN_TIMEOUT_MS = 12_000
/** So many try to create each contested channel. */
const CONTESTANTS = 3

type Shared = {
  operations: Operation[]
  violations: string[]
  reader: Reader
  contested: Operation[]
  prefix: string
  pauseMs: number
  stopping: boolean
  okayed: number
  /** When somebody last heard OK, and the longest gap so far. */
  lastOkAt: number
  longestGapMs: number
}
type Actor = { name: string; ask: Ask; next: () => number; shared: Shared; number: number; okayed: number }

/** Starts the clients; each logs in and creates a channel of its own first. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { broker, library = 2, plain = 2, seed = 1, prefix = '', pauseMs = 10 } = options
  const [operations, violations]: [Operation[], string[]] = [[], []]
  const client = connect({ broker })
  const url = typeof broker === 'string' ? broker : broker[0]!
  const plainClients = Array.from({ length: plain }, () => plainClient(url, PLAIN_TIMEOUT_MS))
  const shared: Shared = {
    ...{ operations, violations, reader: new Reader(violations), contested: [] },
    ...{ prefix, pauseMs, stopping: false, okayed: 0, lastOkAt: performance.now(), longestGapMs: 0 },
  }
  const asks = [...Array.from({ length: library }, () => fromLibrary(client)), ...plainClients.map(({ ask }) => ask)]
  const actors = asks.map((ask, index): Actor => {
    const name = `${prefix}${index < library ? 'library' : 'plain'}-${index + 1}`
    return { name, ask, next: random(seed * 1000 + index), shared, number: 0, okayed: 0 }
  })
  for (const actor of actors) await settleIn(actor)
  shared.lastOkAt = performance.now()
  const running = Promise.all(actors.map(run))
  const failed = running.then(
    () => null,
    (error: unknown) => error ?? new Error('a client failed'),
  )
  return {
    operations: () => [...operations, ...claims(shared.contested, violations)],
    reads: shared.reader.counts,
    violations,
    answered: () => shared.okayed,
    async more(count) {
      const goals = actors.map(({ okayed }) => okayed + count)
      const has = (): string => actors.map(({ name, okayed }, i) => `${name} ${okayed}/${goals[i]}`).join(', ')
      const reached = waitFor(
        () => actors.every(({ okayed }, i) => okayed >= goals[i]!),
        () => `answers: ${has()}; last: ${JSON.stringify(operations.at(-1))}`,
        90_000,
      )
      await Promise.race([reached, failed.then((error) => (error === null ? null : Promise.reject(error)))])
    },
    longestWithoutOkMs: () => Math.round(shared.longestGapMs),
    async stop() {
      if (shared.stopping) return
      shared.stopping = true
      noteGap(shared)
      await running
      await client.close(0)
      for (const one of plainClients) one.close()
    },
  }
}

/** An answer of the library as its data, errors too; none is an error. */
const fromLibrary =
  (client: ReturnType<typeof connect>): Ask =>
  async (service, data) => {
    try {
      return await client.call(service, data, { deadlineMs: DEADLINE_MS })
    } catch (error) {
      if (!(error instanceof CallError) || error.code === 'timeout') throw error
      const { code, description, retriable } = error
      return { status: 'erro', code, description, retriable }
    }
  }

async function settleIn(actor: Actor): Promise<void> {
  const results = [await login(actor, actor.name), await create(actor, roomOf(actor))]
  if (results.some((result) => result !== 'ok')) throw new Error(`${actor.name} could not log in: ${results}`)
}

/** No user has the name of a channel, so that one text is one operation. */
const roomOf = ({ name }: { name: string }): string => `${name}-room`

async function run(actor: Actor): Promise<void> {
  const { shared, next } = actor
  while (!shared.stopping) {
    await act(actor, next())
    if (shared.pauseMs > 0) await sleep(shared.pauseMs)
  }
}

async function act(actor: Actor, kind: number): Promise<unknown> {
  const { name, ask, shared } = actor
  if (kind < 0.5) return publish(actor)
  if (kind < 0.7) return message(actor)
  if (kind < 0.74) return login(actor, `${name}-${++actor.number}`)
  if (kind < 0.78) return create(actor, `${name}-${++actor.number}`)
  if (kind < 0.82) return contest(actor)
  if (kind < 0.83) return refused(actor)
  return shared.reader.read({ name, room: roomOf(actor) }, ask, actor.next())
}

async function publish(actor: Actor): Promise<void> {
  const text = `${actor.name} publishes ${++actor.number}`
  const result = await attempt(actor, text, 'publish', { user: actor.name, channel: roomOf(actor), message: text })
  if (result === 'ok') actor.shared.reader.expect(actor.name, 'published', text)
}

async function message(actor: Actor): Promise<void> {
  const text = `${actor.name} writes ${++actor.number}`
  const result = await attempt(actor, text, 'message', { src: actor.name, dst: actor.name, message: text })
  if (result === 'ok') actor.shared.reader.expect(actor.name, 'written', text)
}

/** What is refused for good must never happen. */
async function refused(actor: Actor): Promise<void> {
  const text = `${actor.name} publishes nowhere ${++actor.number}`
  await attempt(actor, text, 'publish', { user: actor.name, channel: 'nowhere', message: text })
}

async function login(actor: Actor, user: string): Promise<Operation['result']> {
  const result = await attempt(actor, user, 'login', { user })
  if (result === 'ok') actor.shared.reader.expect(actor.name, 'user', user)
  return result
}

async function create(actor: Actor, channel: string): Promise<Operation['result']> {
  const result = await attempt(actor, channel, 'channel', { channel })
  if (result === 'ok') actor.shared.reader.expect(actor.name, 'channel', channel)
  return result
}

/** A few create the same channel at about the same time: at most one may hear that it did. */
async function contest(actor: Actor): Promise<void> {
  const { contested, prefix } = actor.shared
  const text = `${prefix}contested-${Math.floor(contested.length / CONTESTANTS) + 1}`
  const operation = begin(actor, text)
  contested.push(operation)
  await settle(actor, operation, 'channel', { channel: text })
}

async function attempt(actor: Actor, text: string, service: string, data: Data): Promise<Operation['result']> {
  const operation = begin(actor, text)
  actor.shared.operations.push(operation)
  return settle(actor, operation, service, data)
}

const begin = ({ name }: Actor, text: string): Operation => ({
  ...{ client: name, text, invokedAt: performance.now(), answeredAt: null, result: 'unknown' as const, error: '' },
})

/** Asks, and notes the answer. Without one, or with an error that may be retried, nobody knows what became of it. */
async function settle(actor: Actor, operation: Operation, service: string, data: Data): Promise<Operation['result']> {
  try {
    const reply = await actor.ask(service, data)
    operation.answeredAt = performance.now()
    if (reply.status !== 'erro') {
      operation.result = 'ok'
      actor.okayed++
      actor.shared.okayed++
      noteGap(actor.shared)
    } else {
      operation.result = reply.retriable === true ? 'unknown' : 'refused'
      operation.error = `${reply.code}: ${reply.description}`
    }
  } catch (error) {
    operation.error = String(error)
  }
  return operation.result
}

function noteGap(shared: Shared): void {
  const now = performance.now()
  shared.longestGapMs = Math.max(shared.longestGapMs, now - shared.lastOkAt)
  shared.lastOkAt = now
}

/** All attempts at one contested name as one operation: somebody did, nobody did, or nobody knows. */
function claims(contested: readonly Operation[], violations: string[]): Operation[] {
  const byName = new Map<string, Operation[]>()
  for (const one of contested) byName.set(one.text, [...(byName.get(one.text) ?? []), one])
  return [...byName].map(([text, attempts]): Operation => {
    const winners = attempts.filter(({ result }) => result === 'ok')
    const wrong = `${text} was given to ${winners.map(({ client }) => client).join(' and ')}`
    if (winners.length > 1 && !violations.includes(wrong)) violations.push(wrong)
    const known = winners[0] ?? attempts.find(({ result }) => result === 'unknown') ?? attempts[0]!
    // Attempts overlap, so it has no place in anybody's order.
    return { ...known, client: text }
  })
}
