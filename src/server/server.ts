/** The server: makes everything and connects it. */
import { randomBytes } from 'node:crypto'
import { tick } from '../core/lamport.ts'
import { createReplica, type Replica } from '../core/replica.ts'
import type { Input } from '../core/types.ts'
import type { Config } from '../platform/config.ts'
import type { Log } from '../platform/log.ts'
import type { RoleContext } from '../platform/role.ts'
import { createComplaints } from '../platform/socket-complaints.ts'
import { openStore, type Store } from '../platform/store.ts'
import { type SpaceWatch, watchSpace } from '../platform/store-space.ts'
import type { Data } from '../protocol/envelope.ts'
import type { Endpoint, Instance } from '../protocol/replica.ts'
import { createEffects } from './effects.ts'
import { createEngine, type Engine } from './engine.ts'
import { createMembership, type Membership } from './membership.ts'
import { createPeers, type Peers } from './peers.ts'
import { createPublisher, type Publisher } from './publisher.ts'
import { findPlace } from './rank.ts'
import { createReadiness } from './readiness.ts'
import { connectRef, type RefLink } from './ref-link.ts'
import { createApplication } from './services/index.ts'
import { answerTool } from './status.ts'
import { stopServer } from './stop.ts'
import { type ClusterTime, createTime } from './time.ts'
import { createWorkers } from './workers.ts'

const TICK_MS = 50

/** Where what arrives goes; what arrives before all is there finds nobody yet. */
type Inlets = { engine: Engine | null; membership: Membership | null }

export async function startServer(context: RoleContext): Promise<void> {
  const { config, log, onStop } = context
  const instance = `${config.name}-${randomBytes(8).toString('hex')}` as Instance
  const inlets: Inlets = { engine: null, membership: null }
  const onAnswer = (data: Data, clock: number): void => inlets.membership?.take(data, clock)
  const ref = connectRef({ url: config.refUrl, instance, log, onAnswer })
  const { rank, directory, lock } = await findPlace(config, ref, log)
  onStop(() => lock.release())
  const space = watchSpace(directory, (full, freeBytes) => {
    if (full) log.error({ directory, freeBytes }, 'the disk is full: writes are refused until there is room')
    else log.info({ directory, freeBytes }, 'the disk has room again')
    inlets.engine?.post({ type: 'disk', full })
  })
  const { store, replica } = await load(context, directory, rank, instance, space)
  const time = createTime()
  const { peers, publisher, endpoint } = await bind(config, log, replica, time, inlets)
  const parts = { context, time, replica, store, peers, publisher, endpoint, ref, space, inlets }
  run(parts)
  log.info({ rank, ...endpoint }, 'waiting for a view')
}

async function load(
  { config, log, fatal }: RoleContext,
  directory: string,
  rank: Replica['rank'],
  instance: Instance,
  space: SpaceWatch,
): Promise<{ store: Store; replica: Replica }> {
  const from = performance.now()
  const app = createApplication()
  const onFailure = (error: Error): never => fatal(`${directory}: ${error.message}; what is on the disk is not known`)
  const { store, restored } = await openStore({ directory, rank, app, log, onFailure, onFull: () => space.full() })
  const replica = createReplica(rank, instance, app, restored, { requestTimeoutMs: config.requestTimeoutMs })
  const { position, clock } = replica
  log.info({ rank, instance, position, clock, ms: Math.round(performance.now() - from) }, `${directory} is loaded`)
  return { store, replica }
}

async function bind(
  config: Config,
  log: Log,
  replica: Replica,
  time: ClusterTime,
  inlets: Inlets,
): Promise<{ peers: Peers; publisher: Publisher; endpoint: Endpoint }> {
  const complain = createComplaints(log)
  const at = (port: number): string => `tcp://${config.bindHost}:${port === 0 ? '*' : port}`
  const publisher = await createPublisher(at(config.peerPubPort), config.proxyInUrls, complain)
  const peers = await createPeers({
    ...{ url: at(config.peerPort), instance: replica.instance, time, complain },
    onMessage: (message) => inlets.engine?.post({ type: 'message', message }),
    onRequest: (body) => answerTool(body, replica, config.name, time),
  })
  const advertised = (endpoint: string): string => `tcp://${config.advertiseHost}:${endpoint.split(':').at(-1)}`
  return { peers, publisher, endpoint: { peer: advertised(peers.endpoint), pub: advertised(publisher.endpoint) } }
}

type Parts = {
  context: RoleContext
  time: ClusterTime
  replica: Replica
  store: Store
  peers: Peers
  publisher: Publisher
  endpoint: Endpoint
  ref: RefLink
  space: SpaceWatch
  inlets: Inlets
}

function run({ context, time, replica, store, peers, publisher, endpoint, ref, space, inlets }: Parts): void {
  const { config, log, onStop, setHealth } = context
  const post = (input: Input): void => inlets.engine?.post(input)
  const workers = createWorkers({
    ...{ urls: config.brokerBackUrls, time, complain: createComplaints(log) },
    onRequests: (requests) => inlets.engine?.request(requests),
    nextClock() {
      replica.clock = tick(replica.clock)
      return replica.clock
    },
  })
  const readiness = createReadiness(replica, workers, setHealth)
  const membership = createMembership({ replica, name: config.name, endpoint, ref, peers, time, post })
  const effects = createEffects({
    ...{ replica, store, peers, publisher, time, log, post },
    report: () => membership.report(),
    stepDone: () => readiness.look(),
  })
  const engine = createEngine(replica, time, effects)
  Object.assign(inlets, { engine, membership })
  if (space.isFull) post({ type: 'disk', full: true })
  const ticker = setInterval(() => post({ type: 'tick' }), TICK_MS)
  membership.report()
  onStop(async () => {
    await stopServer({ engine, workers, membership, ref, store, name: config.name, log })
    clearInterval(ticker)
    space.stop()
    for (const closing of [ref, peers, publisher]) closing.close()
  })
}
