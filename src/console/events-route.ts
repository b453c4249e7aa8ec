/** `GET /events`: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CallError, type Client, type Data, type OfUser } from '../client/client.ts'
import { HISTORY_DEADLINE_MS, read } from '../client/ordered.ts'
import { type Page, toPublished } from '../client/pages.ts'
import { endedBy, onAbort, pause } from '../client/waiting.ts'
import type { Log } from '../platform/log.ts'
import { type Complain, createComplaints } from '../platform/socket-complaints.ts'
import { checkName } from '../protocol/names.ts'
import { isDoneWithin } from './done-within.ts'
import { type Sink, type Source, streamEvents } from './event-stream.ts'
import { createFeeds, type FeedOptions } from './feeds.ts'
import { HttpError } from './http-error.ts'
import { HTTP_LIMITS } from './limits.ts'
import { createTurns } from './turns.ts'

/** Proxies and clients give up on a connection where nothing happens. */
const KEEP_ALIVE_MS = 15_000
/** After how long a client should come back. */
const RETRY_MS = 1000
/** How long a new stream waits with its first byte, for an answer that says whether there is such a channel. */
const FIRST_BYTE_MS = 5000
const STOPPING = 'the gateway is stopping'

type Of = string | OfUser

export type EventsRoute = {
  readonly streams: number
  /** Ends all streams, each after a whole event. */
  close(): void
}

export function addEventsRoute(app: FastifyInstance, client: Client, log: Log): EventsRoute {
  const feeds = createFeeds()
  const turns = createTurns(HTTP_LIMITS.streamPages)
  const readPage = createPages(client, createComplaints(log))
  const stopping = new AbortController()
  let streams = 0
  app.get('/events', async (request, reply) => {
    const { of, from } = readQuestion(request)
    if (streams >= HTTP_LIMITS.streams) throw new HttpError(503, `there are ${streams} event streams already`)
    if (stopping.signal.aborted) throw new HttpError(503, STOPPING)
    streams++
    const left = new AbortController()
    reply.raw.once('close', () => left.abort())
    const { signal } = endedBy(left.signal, stopping.signal)
    const key = JSON.stringify(of)
    const feed = feeds.join(key, feedOptions(client, of, log))
    try {
      const begun = Promise.all([feed.begun, from ?? newest(client, of, signal)]).then(([, position]) => position)
      // Whoever waits for it longer than this hears of it below.
      begun.catch(() => {})
      await isDoneWithin(begun, FIRST_BYTE_MS)
      signal.throwIfAborted()
      const source: Source = { feed, turns, read: (after, signal) => readPage(of, after, signal) }
      await stream(begun, source, from, start(reply), signal)
    } catch (error) {
      // Whoever left is told nothing.
      if (left.signal.aborted) reply.hijack()
      else if (!reply.sent) throw stopping.signal.aborted ? new HttpError(503, STOPPING) : refusalOf(error)
      else log.debug({ of, error: String(error) }, 'an event stream ended')
    } finally {
      streams--
      feeds.leave(key)
      if (reply.sent) reply.raw.end()
    }
    return reply
  })
  return {
    get streams() {
      return streams
    },
    close: () => stopping.abort(),
  }
}

const feedOptions = (client: Client, of: Of, log: Log): FeedOptions => ({
  open: (from) => client.subscribe(of, { from }),
  newest: (signal) => newest(client, of, signal),
  onFailure: (error) => log.warn({ of, error: String(error) }, 'a feed ended, trying again'),
})

/** Pages of the history, their items as a subscription has them. */
const createPages =
  (client: Client, complain: Complain) =>
  async (of: Of, after: number, signal: AbortSignal): Promise<Page> => {
    const ask = (data: Data) => client.call<string>('history', data, { signal, deadlineMs: HISTORY_DEADLINE_MS })
    const page = await read({ ask, complain }, of, after, signal)
    return { ...page, items: page.items.map((item) => toPublished(of, item)).filter((item) => item !== null) }
  }

async function stream(
  begun: Promise<number>,
  source: Source,
  from: number | null,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const keepAlive = setInterval(() => {
    // With room only: who takes nothing gets no more to keep.
    if (!response.writableNeedDrain) response.write(':\n\n')
  }, KEEP_ALIVE_MS)
  try {
    response.write(`retry: ${RETRY_MS}\n${from === null ? '' : `id: ${from}\n`}\n`)
    const position = await Promise.race([begun, aborted(signal)])
    if (position === null) return
    // Without data no event, but a place to go on from for who is cut off before the first one.
    if (from === null) response.write(`id: ${position}\n\n`)
    await streamEvents(source, position, sinkOf(response), signal)
  } finally {
    clearInterval(keepAlive)
  }
}

/** Sends the head; what comes then is ours to write. */
function start(reply: FastifyReply): ServerResponse {
  reply.hijack()
  const { raw } = reply
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
  // Some proxies in between collect what they should pass on at once, unless told.
  raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
  raw.on('error', () => {})
  return raw
}

const sinkOf = (response: ServerResponse): Sink => ({
  write: (text) => response.write(text),
  drained: async (signal) => {
    if (response.writableNeedDrain) await once(response, 'drain', { signal }).catch(() => {})
  },
})

function readQuestion({ query, headers }: FastifyRequest): { of: Of; from: number | null } {
  const { channel, user, from, ...more } = query as Record<string, string | string[] | undefined>
  const [unknown] = Object.keys(more)
  if (unknown !== undefined || (channel === undefined) === (user === undefined))
    throw new HttpError(400, 'give channel=NAME or user=NAME, and from=POSITION or from=last if you like')
  const refusal = channel === undefined ? checkName(user, 'user') : checkName(channel, 'channel')
  if (refusal !== null) throw new HttpError(400, refusal.description)
  const of = channel === undefined ? { user: user as string } : (channel as string)
  // A browser that comes back sends both: the address as it was, and how far it has got.
  const header = headers['last-event-id']
  if (header !== undefined && header !== '') return { of, from: readPosition(String(header), 'Last-Event-ID') }
  return { of, from: from === undefined || from === 'last' ? null : readPosition(String(from), 'from') }
}

function readPosition(text: string, what: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new HttpError(400, `${what} must be a position, a whole number from 0`)
}

/** The newest position there is; an answer that may lack some is asked for again. */
async function newest(client: Client, of: Of, signal: AbortSignal): Promise<number> {
  const question = { ...(typeof of === 'string' ? { channel: of } : of), limit: 1 }
  for (;;) {
    const reply = await client.call('history', question, { deadlineMs: Number.POSITIVE_INFINITY, signal })
    if (reply.stale !== true) return Number(reply.position)
    await pause(RETRY_MS, signal)
  }
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof CallError)) return error
  const isMissing = error.code === 'unknown_channel' || error.code === 'unknown_user'
  return new HttpError(isMissing ? 404 : error.retriable ? 503 : 400, error.description)
}

const aborted = (signal: AbortSignal): Promise<null> =>
  new Promise((resolve) => {
    onAbort(signal, () => resolve(null))
  })
