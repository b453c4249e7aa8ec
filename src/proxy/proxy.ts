/** The proxy: its sockets and timers. The rules are in forward.ts. */
import type { Config } from '../platform/config.ts'
import type { Log } from '../platform/log.ts'
import { bindSocket, createSocket, createWriter, readLoop, watchPeers } from '../platform/sockets.ts'
import { Forward } from './forward.ts'

export type ProxyConfig = Pick<Config, 'bindHost' | 'proxyInPort' | 'proxyOutPort'>

/** Publications queued to one subscriber, of up to 0.5 MiB; a slower one misses some. */
const SUBSCRIBER_QUEUE = 1000
/** Publications read ahead from one publisher. */
const READ_AHEAD = 200
/** What servers tell each other passes through here for whoever watches, and comes in larger pieces. */
const PUBLICATION_BYTES = 4 << 20
/** A subscription, or a handshake with the longest identity. */
const SUBSCRIPTION_BYTES = 1024
const SUMMARY_MS = 5000

export type Proxy = {
  /** Its Lamport clock. */
  readonly clock: number
  stop(): void
}

export async function startProxy(config: ProxyConfig, log: Log): Promise<Proxy> {
  const publishers = createSocket('xsub', {
    receiveHighWaterMark: READ_AHEAD,
    maxMessageSize: PUBLICATION_BYTES,
  })
  // All that subscribers send are subscriptions; ZeroMQ disconnects who sends a longer one before it takes any room.
  const subscribers = createSocket('xpub', {
    sendHighWaterMark: SUBSCRIBER_QUEUE,
    maxMessageSize: SUBSCRIPTION_BYTES,
  })
  const down = createWriter(subscribers)
  const up = createWriter(publishers)
  const forward = new Forward({
    log,
    toSubscribers: (frames) => down.send(frames),
    toPublishers: (frames) => up.send(frames),
  })
  watchPeers(publishers, (count) => log.info({ publishers: count }, 'publishers'))
  watchPeers(subscribers, (count) => log.debug({ subscribers: count }, 'subscribers'))
  const host = `tcp://${config.bindHost}`
  const input = await bindSocket(publishers, `${host}:${config.proxyInPort}`)
  const output = await bindSocket(subscribers, `${host}:${config.proxyOutPort}`)
  log.info({ publishers: input, subscribers: output }, 'forwarding')

  // A busy output is a reason to wait: XPUB drops for single slow subscribers and never blocks for long.
  void readLoop(publishers, (frames) => forward.publication(frames), {
    pause: () => (down.queued > 1 ? down.drained() : null),
  })
  void readLoop(subscribers, (frames) => forward.subscription(frames))
  const timer = setInterval(() => forward.summarise(), SUMMARY_MS)
  return {
    get clock() {
      return forward.clock
    },
    stop() {
      clearInterval(timer)
      forward.summarise()
      publishers.close()
      subscribers.close()
    },
  }
}
