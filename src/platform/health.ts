/**
 * `GET /healthz`: 200 when requests would succeed, 503 when not; the body says who this is and why, and its Lamport clock
 * as it stands, like a log line: who looks is no part of the system, so this is no message and counts for nothing.
 */
import { createServer, type Server } from 'node:http'

export type Health = { set(ready: boolean, detail?: Record<string, unknown>): void }

export type HealthServer = Health & {
  /** The port that was bound. */
  port: number
  close(): Promise<void>
}

/**
 * Starts the health server; not ready until told so.
 * @param port 0: any free one
 * @param clock the process's Lamport clock
 * @throws what listening throws: EADDRINUSE, EACCES, EADDRNOTAVAIL
 */
export async function startHealth(
  role: string,
  host: string,
  port: number,
  clock: () => number,
): Promise<HealthServer> {
  let ready = false
  let detail: Record<string, unknown> = {}
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    const known = path === '/healthz' && (request.method === 'GET' || request.method === 'HEAD')
    const answer = known ? { role, ready, ...detail, clock: clock() } : { error: 'GET /healthz is all there is' }
    const body = Buffer.from(`${JSON.stringify(answer)}\n`)
    response.writeHead(known ? (ready ? 200 : 503) : 404, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(body)
  })
  limit(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    set(nowReady, nowDetail = {}) {
      ready = nowReady
      detail = nowDetail
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

// A health check is one small request; whoever holds a connection open gets no more than this.
function limit(server: Server): void {
  server.requestTimeout = 5000
  server.headersTimeout = 5000
  server.keepAliveTimeout = 5000
  server.maxConnections = 64
}
