/** The server: makes everything and connects it. */
import { randomBytes } from 'node:crypto'
import { tick } from '../core/lamport.ts'
import { createReplica } from '../core/replica.ts'
import type { Input } from '../core/types.ts'
import type { RoleContext } from '../platform/role.ts'
import { createComplaints } from '../platform/socket-complaints.ts'
import { openStore } from '../platform/store.ts'
import { watchSpace } from '../platform/store-space.ts'
import type { Data } from '../protocol/envelope.ts'
import type { Instance } from '../protocol/replica.ts'
import { createEffects } from './effects.ts'
import { createEngine, type Effects, type Engine } from './engine.ts'
import { createMembership, type Membership } from './membership.ts'
import { createPeers } from './peers.ts'
import { createPublisher } from './publisher.ts'
import { findPlace } from './rank.ts'
import { createReadiness } from './readiness.ts'
import { connectRef } from './ref-link.ts'
import { createApplication } from './services/index.ts'
import { answerTool } from './status.ts'
import { stopServer } from './stop.ts'
import { createTime } from './time.ts'
import { createWorkers } from './workers.ts'

const TICK_MS = 25

export async function startServer(context: RoleContext): Promise<void> {
  const { config, log, onStop, setHealth, fatal } = context
  const instance = `${config.name}-${randomBytes(8).toString('hex')}` as Instance
  const complain = createComplaints(log)
  const time = createTime()
  // What is connected before all is there finds nobody yet.
  let engine: Engine | null = null
  let membership: Membership | null = null
  const post = (input: Input): void => engine?.post(input)
  const onAnswer = (data: Data, clock: number): void => membership?.take(data, clock)
  const ref = connectRef({ url: config.refUrl, instance, log, onAnswer })
  const { rank, directory, lock } = await findPlace(config, ref, log)
  onStop(() => lock.release())

  const app = createApplication()
  const startedAt = performance.now()
  const onFailure = (error: Error): never => fatal(`${directory}: ${error.message}; what is on the disk is not known`)
  const space = watchSpace(directory, (full, freeBytes) => {
    if (full) log.error({ directory, freeBytes }, 'the disk is full: writes are refused until there is room')
    else log.info({ directory, freeBytes }, 'the disk has room again')
    post({ type: 'disk', full })
  })
  const { store, restored } = await openStore({ directory, rank, app, log, onFailure, onFull: () => space.full() })
  const options = { requestTimeoutMs: config.requestTimeoutMs }
  const replica = createReplica(rank, instance, app, restored, options)
  const { position } = replica
  log.info({ rank, instance, position, ms: Math.round(performance.now() - startedAt) }, `${directory} is loaded`)

  const host = `tcp://${config.bindHost}`
  const at = (port: number): string => `${host}:${port === 0 ? '*' : port}`
  const publisher = await createPublisher(at(config.peerPubPort), config.proxyInUrls, complain)
  const peers = await createPeers({
    ...{ url: at(config.peerPort), instance, time, complain },
    onMessage: (message) => post({ type: 'message', message }),
    onRequest: (body) => answerTool(body, replica, config.name, time),
  })
  const advertised = (endpoint: string): string => `tcp://${config.advertiseHost}:${endpoint.split(':').at(-1)}`
  const endpoint = { peer: advertised(peers.endpoint), pub: advertised(publisher.endpoint) }

  const workers = createWorkers({
    ...{ urls: config.brokerBackUrls, time, complain },
    onRequests: (requests) => engine?.request(requests),
    nextClock() {
      replica.clock = tick(replica.clock)
      return replica.clock
    },
  })
  const readiness = createReadiness(replica, workers, setHealth)
  const effects: Effects = createEffects({
    ...{ replica, store, peers, publisher, time, log, post },
    report: () => membership?.report(),
    stepDone: () => readiness.look(),
  })
  const running = createEngine(replica, time, effects)
  engine = running
  if (space.isFull) post({ type: 'disk', full: true })
  const member = createMembership({ replica, name: config.name, endpoint, ref, peers, time, post })
  membership = member
  const ticker = setInterval(() => post({ type: 'tick' }), TICK_MS)
  member.report()
  log.info({ rank, ...endpoint }, 'waiting for a view')
  onStop(async () => {
    await stopServer({ engine: running, workers, ref, store, name: config.name, log })
    clearInterval(ticker)
    space.stop()
    member.stop()
    for (const closing of [ref, peers, publisher]) closing.close()
  })
}
