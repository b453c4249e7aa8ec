/** The process of the HTTP gateway. */
import { connect } from '../client/client.ts'
import { pause } from '../client/waiting.ts'
import type { Log } from '../platform/log.ts'
import { loadServices } from '../platform/plugins.ts'
import { runRole } from '../platform/role.ts'
import { version } from '../platform/version.ts'
import { createApplication, NO_HOST } from '../server/services/index.ts'
import { createInvoke } from './calls.ts'
import { isDoneWithin } from './done-within.ts'
import { createGateway, type Gateway } from './gateway.ts'
import { HTTP_LIMITS } from './limits.ts'
import { createMethods } from './methods.ts'
import { openRpcOf } from './openrpc.ts'
import { watchCluster } from './readiness.ts'
import { createTurns } from './turns.ts'

/** How long calls may take when stopping; the launcher waits for 1.5 s in all. */
const GRACE_MS = 1000
const LEAVE_MS = 200
const REPORT_MS = 1000

runRole('console', async ({ config, log, onStop, setHealth, setClock }) => {
  const app = await loadServices(config.servicesDir, (modules) => createApplication(NO_HOST, modules))
  const client = connect({ broker: config.brokerUrls, proxy: config.proxyOutUrls, log })
  setClock(() => client.clock)
  const methods = createMethods(app.services)
  const openRpc = openRpcOf(methods, version())
  const turns = createTurns(HTTP_LIMITS.callPages)
  const stopping = new AbortController()
  let ready = false
  let why: string | undefined = 'has not asked yet'
  const gateway = createGateway({
    ...{ client, log },
    ...{ openRpc, invokeFor: (key, noRoom) => createInvoke({ client, methods, openRpc, turns }, key, noRoom) },
    guard: { corsOrigin: config.httpCorsOrigin, ownName: config.advertiseHost },
    health: () => ({ ready, ...(why !== undefined && { why }), clock: client.clock }),
  })
  const port = await gateway.listen(config.bindHost, config.httpPort)
  onStop(async () => {
    stopping.abort()
    setHealth(false, { why: 'stopping' })
    const closed = gateway.close()
    // Calls that are not answered by then are told so, and that leaves too.
    await client.close(GRACE_MS)
    if (!(await isDoneWithin(closed, LEAVE_MS))) gateway.cut()
    await closed
  })
  log.info({ host: config.bindHost, port, brokers: config.brokerUrls }, 'listening; waiting for a server to answer')
  void watchCluster(client, stopping.signal, (nowReady, reason) => {
    if (nowReady !== ready) {
      if (nowReady) log.info('the cluster answers')
      else log.warn({ why: reason }, 'the cluster does not answer')
    }
    ready = nowReady
    why = reason
    setHealth(ready, reason === undefined ? {} : { why: reason })
  })
  void report(log, gateway, stopping.signal)
})

/** Says what was done, once a second if anything was, until the signal. */
async function report(log: Log, gateway: Gateway, signal: AbortSignal): Promise<void> {
  for (let reported = 0; !signal.aborted; await pause(REPORT_MS, signal)) {
    const { calls, streams } = gateway.counts()
    if (calls > reported) log.info({ calls: calls - reported, streams }, 'took calls')
    reported = calls
  }
}
