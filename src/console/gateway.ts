/**
 * The HTTP gateway: JSON-RPC, server-sent events, what there is, and whether it works. One client of the cluster for all
 * who ask, so what they ask at the same moment travels together.
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Client } from '../client/client.ts'
import type { Log } from '../platform/log.ts'
import { addEventsRoute } from './events-route.ts'
import { asHtml, frontPage } from './front-page.ts'
import { type GuardOptions, refusalOf } from './guard.ts'
import { endsConnection, errorBody, HttpError } from './http-error.ts'
import { HTTP_LIMITS } from './limits.ts'
import { addRpcRoute, type RpcRouteOptions } from './rpc-route.ts'

export type GatewayOptions = {
  client: Client
  openRpc: unknown
  log: Log
  guard: GuardOptions
  /** Whether requests would succeed now, and more for whoever looks. */
  health(): { ready: boolean } & Record<string, unknown>
  invokeFor: RpcRouteOptions['invokeFor']
}

export type Gateway = {
  /** @returns the port that was bound @throws what listening throws: EADDRINUSE, EACCES … */
  listen(host: string, port: number): Promise<number>
  /** What was done so far, and the streams there are now. */
  counts(): { calls: number; streams: number }
  /** Takes nothing more and ends the streams. @returns resolves when every answer has left */
  close(): Promise<void>
  /** Ends what is left of connections. */
  cut(): void
}

export function createGateway(options: GatewayOptions): Gateway {
  const { client, openRpc, log, guard, health, invokeFor } = options
  const app = createApp(log)
  let calls = 0
  addGuard(app, guard)
  addRpcRoute(app, {
    invokeFor,
    onCalls: (count) => {
      calls += count
    },
  })
  const events = addEventsRoute(app, client, log)
  const read = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown): void => {
    app.route({ method: ['GET', 'HEAD'], url, handler: async (request, reply) => handler(request, reply) })
  }
  read('/', showFrontPage)
  read('/openrpc.json', () => openRpc)
  read('/healthz', (_, reply) => {
    const state = health()
    reply.code(state.ready ? 200 : 503)
    return state
  })
  return {
    async listen(host, port) {
      await app.listen({ host, port })
      const address = app.server.address()
      return typeof address === 'object' && address !== null ? address.port : port
    },
    counts: () => ({ calls, streams: events.streams }),
    close: async () => {
      events.close()
      await app.close()
    },
    cut: () => app.server.closeAllConnections(),
  }
}

const ROUTES: Readonly<Record<string, string>> = {
  '/rpc': 'POST',
  '/events': 'GET',
  '/': 'GET, HEAD',
  '/openrpc.json': 'GET, HEAD',
  '/healthz': 'GET, HEAD',
}

function createApp(log: Log): FastifyInstance {
  const { headersMs, requestMs, silenceMs, idleMs, connections } = HTTP_LIMITS
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    connectionTimeout: silenceMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    http: { headersTimeout: headersMs, connectionsCheckingInterval: 1000 },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _, reply) => sendError(reply, 400, error.message),
  })
  app.server.maxConnections = connections
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // Whoever goes away in the middle of a request makes an error that is nobody's fault here, and hears no answer.
    const isGone = request.raw.destroyed && error.code === 'ECONNRESET'
    const status = isGone ? 400 : (error.statusCode ?? 500)
    if (status >= 500 && !(error instanceof HttpError)) log.error({ err: error, url: request.url }, 'a request failed')
    const isOurs = error instanceof HttpError || status < 500
    return sendError(reply, status, isOurs ? error.message : 'a fault of the gateway; its log says more')
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!
    const allowed = Object.hasOwn(ROUTES, path) ? ROUTES[path]! : null
    if (allowed === null) return sendError(reply, 404, `there is no ${path.slice(0, 100)}; GET / says what there is`)
    return sendError(reply.header('allow', allowed), 405, `${path} takes ${allowed}`)
  })
  return app
}

/** Before anything else of a request is looked at: may whoever asks ask at all? */
function addGuard(app: FastifyInstance, guard: GuardOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    })
    const { host, origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = request.headers
    const asked = { host, origin, site: text(site), mode: text(mode) }
    const refusal = refusalOf(asked, guard)
    if (refusal !== null) throw new HttpError(403, refusal)
    if (guard.corsOrigin === null) return
    reply.header('vary', 'Origin')
    if (origin !== guard.corsOrigin) return
    reply.header('access-control-allow-origin', origin)
    if (request.method !== 'OPTIONS') return
    return reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'GET, HEAD, POST',
        'access-control-allow-headers': 'content-type, idempotency-key, last-event-id',
        'access-control-max-age': '600',
      })
      .send()
  })
}

const text = (header: string | string[] | undefined): string | undefined =>
  header === undefined ? undefined : String(header)

function showFrontPage(request: FastifyRequest, reply: FastifyReply): unknown {
  const page = frontPage(`http://${request.headers.host ?? 'localhost'}`)
  if (request.headers.accept?.includes('text/html')) return reply.type('text/html; charset=utf-8').send(asHtml(page))
  return reply.type('text/plain; charset=utf-8').send(page)
}

function sendError(reply: FastifyReply, status: number, message: string): FastifyReply {
  if (endsConnection(status)) reply.header('connection', 'close')
  if (status === 503) reply.header('retry-after', '1')
  return reply.code(status).type('application/json; charset=utf-8').send(errorBody(message))
}

/** What is no HTTP, or comes too slowly, is told so on the bare connection. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = STATUS_OF[error.code ?? ''] ?? 400
  const body = errorBody(
    status === 408 ? 'the request came too slowly' : 'the request is no HTTP that is understood here',
  )
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'content-type: application/json; charset=utf-8']
  socket.end([...head, `content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', body].join('\r\n'))
}

const STATUS_OF: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }
