/** `POST /rpc`: what is let in, how much of it at a time, and how long its share is held. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CallError } from '../client/client.ts'
import { type ErrorCode, isRetriable } from '../protocol/errors.ts'
import { LIMITS } from '../protocol/limits.ts'
import { checkId } from '../protocol/names.ts'
import { type Budget, createBudget } from './budget.ts'
import { refusal } from './calls.ts'
import { HttpError } from './http-error.ts'
import { answer, type Invoke, type RpcError, readMessage } from './json-rpc.ts'
import { HTTP_LIMITS } from './limits.ts'

export type RpcRouteOptions = {
  /**
   * Does the calls of a request.
   * @param key its idempotency key, or null
   * @param noRoom why a further large result would find no room, or null
   */
  invokeFor(key: string | null, noRoom: () => CallError | null): Invoke
  /** Told of so many calls. */
  onCalls(count: number): void
}

/** What all requests share. */
type Shares = { requests: Budget; calls: Budget; bodies: Budget; values: Budget; replies: Budget }
/** What one of them has taken; given back when it has left and its calls have ended. */
type Ticket = {
  bodyBytes: number
  values: number
  calls: number
  replies: number
  /** Why a result of it found no room. */
  noRoom: CallError | null
  holders: number
}

export function addRpcRoute(app: FastifyInstance, { invokeFor, onCalls }: RpcRouteOptions): void {
  const shares: Shares = {
    requests: createBudget(HTTP_LIMITS.requests),
    calls: createBudget(HTTP_LIMITS.calls),
    bodies: createBudget(HTTP_LIMITS.bodyBytes),
    values: createBudget(HTTP_LIMITS.values),
    replies: createBudget(HTTP_LIMITS.replies),
  }
  const tickets = new WeakMap<FastifyRequest, Ticket>()

  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    checkBodyHeaders(request)
    if (!shares.requests.take(1)) throw busy('requests')
    const ticket: Ticket = { bodyBytes: 0, values: 0, calls: 0, replies: 0, noRoom: null, holders: 1 }
    tickets.set(request, ticket)
    reply.raw.once('close', () => release(shares, ticket))
  }
  const read = (request: FastifyRequest, payload: AsyncIterable<Buffer>): Promise<Buffer> =>
    readBody(payload, shares.bodies, tickets.get(request)!)

  const handle = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const ticket = tickets.get(request)!
    const key = readKey(request.headers['idempotency-key'])
    const message = readMessage((request.body as Buffer | undefined) ?? Buffer.alloc(0), (values) => {
      if (!shares.values.take(values)) return false
      ticket.values = values
      return true
    })
    if (message === null) throw busy('values')
    const count = message.entries.length
    if (!shares.calls.take(count)) throw busy('calls')
    ticket.calls = count
    ticket.holders++
    onCalls(count)
    const invoke = invokeFor(key, () => ticket.noRoom)
    const { response, done } = answer(message, invoke, (length) => admitResult(shares.replies, ticket, length))
    void done.then(() => release(shares, ticket))
    const text = await response
    if (text === null) return reply.code(204).send()
    return reply.type('application/json; charset=utf-8').send(text)
  }

  // A scope of its own: only here is there a body to be read.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', read)
    scope.post('/rpc', { onRequest: admit }, handle)
  })
}

/** A page elsewhere can post a form without asking first, but nothing that says it is JSON. */
function checkBodyHeaders({ headers }: FastifyRequest): void {
  const type = headers['content-type'] ?? ''
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type))
    throw new HttpError(415, 'the content type must be application/json, in UTF-8')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new HttpError(415, 'the body must not be compressed')
  if (Number(headers['content-length'] ?? 0) > LIMITS.frameBytes) throw tooLarge()
}

/** Counts a body as it arrives, so that what is only announced takes nothing away from others. */
async function readBody(payload: AsyncIterable<Buffer>, bodies: Budget, ticket: Ticket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of payload) {
    if (ticket.bodyBytes + chunk.length > LIMITS.frameBytes) throw tooLarge()
    if (!bodies.take(chunk.length)) throw busy('bodies')
    ticket.bodyBytes += chunk.length
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A header of the IETF's draft: a string in quotes; without them is understood too. */
function readKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null
  const text = String(header)
  const key = /^"(.*)"$/.exec(text)?.[1] ?? text
  if (key.length <= HTTP_LIMITS.keyLength && checkId(key) === null) return key
  throw new HttpError(400, `Idempotency-Key must have 1 to ${HTTP_LIMITS.keyLength} printable characters`)
}

/** Small results always have a place, since what was done must be said; calls are few enough for that. */
function admitResult(replies: Budget, ticket: Ticket, length: number): RpcError | null {
  const isSmall = length <= HTTP_LIMITS.smallReply
  if (!isSmall && ticket.replies + length > HTTP_LIMITS.batchReplies)
    return refuseResult(ticket, 'too_large', 'the results of this batch take too much room: ask for less at once')
  if (replies.take(length)) ticket.replies += length
  else if (!isSmall) return refuseResult(ticket, 'unavailable', 'too many results wait to leave: ask again')
  return null
}

function refuseResult(ticket: Ticket, code: ErrorCode, why: string): RpcError {
  ticket.noRoom = new CallError(code, why, isRetriable(code))
  return refusal(code, `it was done, but ${why}`)
}

function release(shares: Shares, ticket: Ticket): void {
  if (--ticket.holders > 0) return
  shares.requests.give(1)
  shares.calls.give(ticket.calls)
  shares.bodies.give(ticket.bodyBytes)
  shares.values.give(ticket.values)
  shares.replies.give(ticket.replies)
}

const tooLarge = (): HttpError => new HttpError(413, `the body must have at most ${LIMITS.frameBytes} bytes`)
const busy = (what: string): HttpError => new HttpError(503, `too many ${what} are in progress: try again`)
