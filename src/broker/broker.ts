/** The broker: its sockets and timers. The rules are in traffic.ts and dispatch.ts. */
import { randomBytes } from 'node:crypto'
import type { Config } from '../platform/config.ts'
import type { Log } from '../platform/log.ts'
import { bindSocket, createSocket, readLoop } from '../platform/sockets.ts'
import { type BackEnd, createBackEnd } from './backend.ts'
import { Outbox } from './outbox.ts'
import { Traffic } from './traffic.ts'

export type BrokerConfig = Pick<Config, 'bindHost' | 'brokerPort' | 'brokerBackPort' | 'brokerRoutes' | 'redispatchMs'>

export type Broker = {
  /** Its Lamport clock. */
  readonly clock: number
  /** Takes no more requests, waits for the replies of those it has (at most `graceMs`) and closes. */
  stop(graceMs: number): Promise<void>
}

/**
 * Bounds of what waits for a reply; then the front is not read and clients feel it. As many requests as a cluster answers
 * in about a second: with more, whoever comes next waits longer, and nobody is served any faster.
 */
const MAX_REQUESTS = 20_000
const MAX_BYTES = 32 << 20
/** Messages taken ahead from each client, and replies on their way to each; of up to 1 MiB, so few. */
const CLIENT_QUEUE = 8
const REPLY_QUEUE = 8
/** Bounds of the replies for which clients have no room yet. */
const OUTBOX = { clientBytes: 4 << 20, clientMessages: MAX_REQUESTS, bytes: 32 << 20 }
/** How long the last replies may take to leave. */
const LINGER_MS = 500
const SWEEP_MS = 25
const SUMMARY_MS = 5000

/** @param onWorkers told how many workers the main back end has, whenever that changes */
export async function startBroker(
  config: BrokerConfig,
  log: Log,
  onWorkers: (workers: number) => void,
): Promise<Broker> {
  const front = createSocket('router', {
    receiveHighWaterMark: CLIENT_QUEUE,
    sendHighWaterMark: REPLY_QUEUE,
    linger: LINGER_MS,
    heartbeats: false,
  })
  const outbox = new Outbox({
    limits: OUTBOX,
    send: (frames) => front.send(frames),
    onDrop: () => traffic.counts.undeliverable++,
  })
  const traffic = new Traffic({
    boot: randomBytes(8),
    limits: { redispatchMs: config.redispatchMs, maxRequests: MAX_REQUESTS, maxBytes: MAX_BYTES },
    log,
    toClient: (frames) => outbox.send(frames),
  })
  const backEnds = await startBackEnds(config, traffic, log, onWorkers)
  const endpoint = await bindSocket(front, `tcp://${config.bindHost}:${config.brokerPort}`)
  log.info({ endpoint, routes: [...traffic.routes.keys()] }, 'taking requests')

  let stopping = false
  let resume = (): void => {}
  const room = (): Promise<void> =>
    new Promise((resolve) => {
      resume = resolve
    })
  void readLoop(front, (frames) => traffic.request(frames, Date.now()), {
    pause: () => (stopping || traffic.full ? room() : null),
  })
  const sweep = (): void => {
    traffic.sweep(Date.now())
    outbox.flush()
    if (!stopping && !traffic.full) resume()
  }
  const timers = [setInterval(sweep, SWEEP_MS), setInterval(() => traffic.summarise(), SUMMARY_MS)]

  return {
    get clock() {
      return traffic.clock
    },
    async stop(graceMs) {
      stopping = true
      const until = Date.now() + graceMs
      while (traffic.unanswered + outbox.bytes > 0 && Date.now() < until)
        await new Promise((next) => setTimeout(next, SWEEP_MS))
      for (const timer of timers) clearInterval(timer)
      traffic.summarise()
      front.close()
      for (const backEnd of backEnds) backEnd.close()
    },
  }
}

async function startBackEnds(
  config: BrokerConfig,
  traffic: Traffic,
  log: Log,
  onMainWorkers: (workers: number) => void,
): Promise<BackEnd[]> {
  const backEnds: BackEnd[] = []
  const start = async (name: string, port: number, onWorkers: (workers: number) => void): Promise<void> => {
    const backEnd = await createBackEnd({
      name,
      url: `tcp://${config.bindHost}:${port}`,
      toFrames: (request) => traffic.toFrames(request, Date.now()),
      onReply: (frames) => traffic.reply(frames, Date.now()),
      onWorkers(workers, before) {
        log.info({ backEnd: name, workers }, workers > before ? 'a worker came' : 'a worker went')
        onWorkers(workers)
      },
    })
    traffic.outlets.push(backEnd)
    backEnds.push(backEnd)
  }
  await start('servers', config.brokerBackPort, onMainWorkers)
  for (const [service, port] of config.brokerRoutes) {
    traffic.routes.set(service, traffic.outlets.length)
    await start(service, port, () => {})
  }
  return backEnds
}
