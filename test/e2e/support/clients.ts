/** Clients of two kinds that write one message after the other and note what became of each. */
import { Request } from 'zeromq'
import { CallError, type Client, type Data } from '../../../src/client/client.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import type { Operation } from './history.ts'
import { waitFor } from './wait.ts'

/** Sends a request; gives the data of its reply, errors included; throws when there is none. */
export type Ask = (service: string, data: Data) => Promise<Data>
export type PlainClient = { ask: Ask; close(): void }

/**
 * The client of the course: a REQ socket, one frame, no id, whole seconds; it never sends anything twice. A REQ without
 * its reply may not send again, so after that the next request takes a new one.
 */
export function plainClient(url: string, timeoutMs = 20_000): PlainClient {
  const open = (): Request => {
    const socket = new Request({ linger: 0, receiveTimeout: timeoutMs, sendTimeout: timeoutMs })
    socket.connect(url)
    return socket
  }
  let socket = open()
  let clock = 0
  return {
    async ask(service, data) {
      if (socket.closed) socket = open()
      clock++
      try {
        await socket.send(encode({ service, data: { ...data, timestamp: Math.floor(Date.now() / 1000), clock } }))
        const [body] = await socket.receive()
        const reply = decode(body!) as { data: Data }
        clock = Math.max(clock, Number(reply.data.clock))
        return reply.data
      } catch (error) {
        socket.close()
        throw error
      }
    },
    close: () => socket.close(),
  }
}

/** Longer than any restart takes, also on a busy machine. */
const PATIENCE_MS = 60_000

/** The same of the client library, which sends again under the same id until its deadline. */
export function retrying(client: Client): Ask {
  return async (service, data) => {
    try {
      return await client.call(service, data, { deadlineMs: PATIENCE_MS })
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      if (error.code === 'timeout') throw error
      const { code, description, retriable } = error
      return { status: 'erro', code, description, retriable }
    }
  }
}

export type Writer = {
  /** Everything so far, the one under way not included. */
  operations: Operation[]
  answered(): number
  /** Resolves when so many more have been answered OK. */
  more(count: number): Promise<void>
  /** The longest that a request waited, milliseconds. */
  longestWait(): number
  /** Resolves after the one under way. Fails when the client failed in a way that is no answer to a request. */
  stop(): Promise<void>
}

export type WriterOptions = {
  ask: Ask
  user: string
  channel: string
  /** Instead of publishing: sends direct messages to this user. */
  to?: string
  /** Clients of one broker share an order by real time as long as it lives; this names it. By default each has its own. */
  orderedWith?: string
}

/** Publishes one message after the other, each with a text of its own, until it is stopped. */
export function startWriter({ ask, user, channel, to, orderedWith = user }: WriterOptions): Writer {
  const operations: Operation[] = []
  let stopping = false
  let failure: unknown = null
  let okay = 0
  const write = async (number: number): Promise<void> => {
    const text = `${user} says ${number}`
    const invokedAt = performance.now()
    const note = (result: Operation['result'], answeredAt: number | null, error = ''): void => {
      operations.push({ client: orderedWith, text, invokedAt, answeredAt, result, error })
    }
    let reply: Data
    try {
      reply =
        to === undefined
          ? await ask('publish', { user, channel, message: text })
          : await ask('message', { src: user, dst: to, message: text })
    } catch (error) {
      note('unknown', null, String(error))
      throw error
    }
    if (reply.status !== 'erro') okay++
    const result = reply.status !== 'erro' ? 'ok' : reply.retriable === true ? 'unknown' : 'refused'
    note(result, performance.now(), result === 'ok' ? '' : `${reply.code}: ${reply.description}`)
  }
  const run = async (): Promise<void> => {
    for (let number = 1; !stopping; number++) await write(number)
  }
  const running = run().catch((error) => {
    failure = error
  })
  return {
    operations,
    answered: () => okay,
    async more(count) {
      const goal = okay + count
      const what = (): string => `${goal} answers to ${user}, has ${okay}; last: ${JSON.stringify(operations.at(-1))}`
      await waitFor(() => failure !== null || okay >= goal, what)
      if (failure !== null) throw failure
    },
    longestWait: () => Math.round(Math.max(0, ...operations.map((one) => (one.answeredAt ?? 0) - one.invokedAt))),
    async stop() {
      stopping = true
      await running
      if (failure !== null) throw failure
    },
  }
}

/** Logs users in and creates a channel, whoever has done it before. */
export async function prepareChat(ask: Ask, channel: string, users: readonly string[]): Promise<void> {
  for (const user of users) await insist(() => ask('login', { user }))
  await insist(() => ask('channel', { channel, user: users[0]! }))
}

async function insist(attempt: () => Promise<Data>): Promise<void> {
  const reply = await waitFor(async () => {
    const data = await attempt()
    return data.retriable === true ? null : data
  }, 'an answer that is not "try again"')
  if (reply.status === 'erro' && reply.code !== 'already_exists') throw new Error(`${reply.code}: ${reply.description}`)
}
