/** The server: makes everything and connects it. */
import { randomBytes } from 'node:crypto'
import { type Clock, merge, mergeTrusted, tick } from '../core/lamport.ts'
import { createReplica, hear, type Replica } from '../core/replica.ts'
import type { Input } from '../core/types.ts'
import { describeHost } from '../platform/host.ts'
import { loadServices } from '../platform/plugins.ts'
import type { RoleContext } from '../platform/role.ts'
import { createComplaints } from '../platform/socket-complaints.ts'
import type { Store } from '../platform/store.ts'
import { openStore } from '../platform/store-open.ts'
import { type SpaceWatch, watchSpace } from '../platform/store-space.ts'
import { type Data, readClock } from '../protocol/envelope.ts'
import type { Endpoint, Instance, Rank } from '../protocol/replica.ts'
import type { Application } from '../protocol/service.ts'
import { createEffects } from './effects.ts'
import { createEngine, type Engine } from './engine.ts'
import { createFileService } from './file-service.ts'
import { handBack } from './hand-back.ts'
import { connectLink, type Link } from './link.ts'
import { createMembership, type Membership } from './membership.ts'
import { createMending, type Mending } from './mending.ts'
import { createPeers, type Peers } from './peers.ts'
import { createPublisher, type Publisher } from './publisher.ts'
import { findPlace } from './rank.ts'
import { createReadiness } from './readiness.ts'
import { createApplication } from './services/index.ts'
import { answerTool, statusOf, type Tools } from './status.ts'
import { stopServer } from './stop.ts'
import { type ClusterTime, createTime } from './time.ts'
import { createTimekeeping, type Timekeeping } from './timekeeping.ts'
import { createWorkers } from './workers.ts'

const TICK_MS = 50

/** Where what arrives goes; what arrives before all is there finds nobody yet. */
type Inlets = {
  engine: Engine | null
  membership: Membership | null
  timekeeping: Timekeeping | null
  mending: Mending
  tools: Tools
}

export async function startServer(context: RoleContext): Promise<void> {
  const { config, log, messages, onStop } = context
  const instance = `${config.name}-${randomBytes(8).toString('hex')}` as Instance
  const host = describeHost(config.name)
  const app = (await loadServices(config.servicesDir, (modules) => createApplication(host, modules))) as Application
  const time = createTime()
  const clock = clockOf(() => inlets.tools.clock)
  const onAnswer = (data: Data): void => {
    inlets.membership?.take(data)
    inlets.mending.take(data)
  }
  const ref = connectLink({ url: config.refUrl, identity: instance, peer: 'ref', log, messages, clock, time, onAnswer })
  const mending = createMending({ instance, ref, clock, time, log, messages })
  const inlets: Inlets = { engine: null, membership: null, timekeeping: null, mending, tools: mending.tools }
  context.setClock(() => clock.now)
  const { rank, directory, lock } = await findPlace(config, ref, log)
  onStop(() => lock.release())
  time.begin(config, rank)
  const space = watch(context, directory, inlets)
  const sockets = await bind(context, instance, time, clock, inlets)
  const place = { rank, instance, directory, app, space, inlets }
  const loaded = await load(context, place, sockets.endpoint).catch(async (error) => {
    await lock.release()
    throw error
  })
  run({ context, time, clock, ref, space, inlets, ...sockets, ...loaded })
  log.info({ rank, ...sockets.endpoint }, 'waiting for a view')
}

/** The process's clock: its replica's, once there is one. */
function clockOf(holder: () => { clock: number }): Clock {
  return {
    get now() {
      return holder().clock
    },
    tick() {
      const held = holder()
      held.clock = tick(held.clock)
      return held.clock
    },
    merge(received) {
      const held = holder()
      held.clock = mergeTrusted(held.clock, readClock(received) ?? 0)
    },
  }
}

function watch({ log, fatal }: RoleContext, directory: string, inlets: Inlets): SpaceWatch {
  const onChange = (full: boolean, freeBytes: number): void => {
    if (full) log.error({ directory, freeBytes }, 'the disk is full: writes are refused until there is room')
    else log.info({ directory, freeBytes }, 'the disk has room again')
    inlets.engine?.post({ type: 'disk', full })
  }
  return watchSpace(directory, onChange, (error) => fatal(`${directory} cannot be used: ${error.message}`))
}

type Place = {
  rank: Rank
  instance: Instance
  directory: string
  app: Application
  space: SpaceWatch
  inlets: Inlets
}

async function load(
  { config, log, fatal, setHealth }: RoleContext,
  { rank, instance, directory, app, space, inlets }: Place,
  endpoint: Endpoint,
): Promise<{ store: Store; replica: Replica }> {
  const from = performance.now()
  const { mending } = inlets
  const server = { rank, name: config.name, endpoint, onBeat: (detail: Data) => setHealth(false, detail) }
  const { store, restored } = await openStore({
    ...{ directory, rank, app, log, others: mending.of(server) },
    onFailure: (error) => fatal(`${directory}: ${error.message}; what is on the disk is not known`),
    onFull: () => space.full(),
  })
  const replica = createReplica(rank, instance, app, restored, { requestTimeoutMs: config.requestTimeoutMs })
  replica.clock = merge(replica.clock, mending.tools.clock.clock)
  const status = (): Data => statusOf(replica, config.name, inlets.timekeeping?.status() ?? null)
  inlets.tools = { clock: replica, status, readable: (log) => store.readable(log) }
  const { position } = replica
  log.info({ rank, instance, position, ms: Math.round(performance.now() - from) }, `${directory} is loaded`)
  return { store, replica }
}

type Sockets = { peers: Peers; publisher: Publisher; endpoint: Endpoint }

async function bind(
  { config, log, messages }: RoleContext,
  instance: Instance,
  time: ClusterTime,
  clock: Clock,
  inlets: Inlets,
): Promise<Sockets> {
  const complain = createComplaints(log)
  const at = (port: number): string => `tcp://${config.bindHost}:${port === 0 ? '*' : port}`
  const publisher = await createPublisher(at(config.peerPubPort), config.proxyInUrls, complain, clock, messages)
  const file = createFileService((name) => inlets.tools.readable(name), complain)
  const peers = await createPeers({
    ...{ url: at(config.peerPort), instance, time, complain },
    onMessage(message) {
      const { engine } = inlets
      if (engine === null) return
      hear(engine.replica, message)
      messages?.received(`server>server ${message.type}`, message.instance, message.clock, clock.now)
      engine.post({ type: 'message', message })
    },
    onTimekeeping: (envelope) => inlets.timekeeping?.take(envelope),
    onRequest: (body) => answerTool(body, inlets.tools, file, time, messages),
  })
  const advertised = (endpoint: string): string => `tcp://${config.advertiseHost}:${endpoint.split(':').at(-1)}`
  return { peers, publisher, endpoint: { peer: advertised(peers.endpoint), pub: advertised(publisher.endpoint) } }
}

type Parts = Sockets & {
  context: RoleContext
  time: ClusterTime
  clock: Clock
  replica: Replica
  store: Store
  ref: Link
  space: SpaceWatch
  inlets: Inlets
}

function run({ context, time, clock, replica, store, peers, publisher, endpoint, ref, space, inlets }: Parts): void {
  const { config, log, messages, onStop, setHealth } = context
  const post = (input: Input): void => inlets.engine?.post(input)
  const complain = createComplaints(log)
  const workers = createWorkers({
    ...{ urls: config.brokerBackUrls, time, complain },
    clock,
    messages,
    onRequests(requests) {
      // Each will have its reply.
      inlets.timekeeping?.exchanged(requests.length * 2)
      inlets.engine?.request(requests)
    },
  })
  const readiness = createReadiness(replica, workers, setHealth)
  const membership = createMembership({ replica, name: config.name, endpoint, ref, peers, post })
  const report = (): void => membership.report()
  const timekeeping = createTimekeeping({ replica, name: config.name, time, peers, publisher, log, messages, report })
  const isWrite = (name: string): boolean => 'log' in (replica.app.services.get(name) ?? {})
  const effects = createEffects({
    ...{ replica, store, peers, publisher, time, log, messages, complain, post, report },
    stop: (why) => context.fatal(why),
    handBack: (requests, share) => handBack(requests, share, isWrite),
    stepDone() {
      timekeeping.look()
      readiness.look()
    },
  })
  const engine = createEngine(replica, time, effects)
  Object.assign(inlets, { engine, membership, timekeeping })
  if (space.isFull) post({ type: 'disk', full: true })
  const ticker = setInterval(() => {
    post({ type: 'tick' })
    timekeeping.tick()
  }, TICK_MS)
  membership.report()
  onStop(async () => {
    await stopServer({ engine, workers, membership, ref, store, name: config.name, log })
    clearInterval(ticker)
    space.stop()
    for (const closing of [ref, peers, publisher]) closing.close()
  })
}
