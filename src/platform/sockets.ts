/**
 * The only place where ZeroMQ sockets are made. Every option that has a dangerous default is set here, on every socket:
 * message size, high-water marks, heartbeats, time limits of connecting, linger.
 */
import { Dealer, Publisher, Router, Subscriber, XPublisher, XSubscriber } from 'zeromq'
import { LIMITS } from '../protocol/limits.ts'

export { type Peers, watchPeers } from './socket-peers.ts'
export { type ReadOptions, readLoop } from './socket-reader.ts'
export { createWriter, type Frames, type Writer, type WriterOptions } from './socket-writer.ts'

export type SocketKinds = {
  router: Router
  dealer: Dealer
  pub: Publisher
  sub: Subscriber
  xpub: XPublisher
  xsub: XSubscriber
}
export type SocketKind = keyof SocketKinds
export type AnySocket = SocketKinds[SocketKind]

export type SocketOptions = {
  /** Largest frame accepted, bytes; who sends a larger one is disconnected. Default LIMITS.frameBytes. */
  maxMessageSize?: number
  /** Most messages queued to one peer, and from one peer. Default 1,000. */
  sendHighWaterMark?: number
  receiveHighWaterMark?: number
  /**
   * Bytes that the kernel holds of what is sent to each peer, and of what came from it. By default as much as it likes, several
   * megabytes; with little, a peer that reads slowly is soon seen to be full.
   */
  sendKernelBytes?: number
  receiveKernelBytes?: number
  /** How long closing holds on to what is not sent yet, milliseconds. Default 0. */
  linger?: number
  /**
   * Whether a peer that answers no ping is disconnected (default), within 3 s. A socket that stops reading on purpose must
   * not: what waits to be read is in front of the answers, so it would cut off the very peers that it makes wait. TCP's
   * keep-alive finds the dead ones instead.
   */
  heartbeats?: boolean
  /** A dealer that connects: queue only to peers that are there, so that nothing waits in the pipe of one that is gone. */
  immediate?: boolean
}

/**
 * Makes a socket. A router never waits for a peer: it is `mandatory` with a send timeout of 0, so sending to a slow peer
 * fails with EAGAIN, to one that is gone with EHOSTUNREACH (see `onDrop` of `createWriter`), and all others go on. An
 * XPUB drops for a slow peer. Both disconnect one that reads nothing at all for UNREAD_MS while something waits for it.
 */
export function createSocket<K extends SocketKind>(kind: K, options: SocketOptions = {}): SocketKinds[K] {
  return MAKERS[kind](options) as SocketKinds[K]
}

/**
 * Binds.
 * @param url `tcp://address:port`; port `*` is any free one
 * @returns the endpoint as bound
 * @throws like node:net: an error with `code` (EADDRINUSE, EACCES, EADDRNOTAVAIL …), `address` and `port`
 */
export async function bindSocket(socket: AnySocket, url: string): Promise<string> {
  try {
    await socket.bind(url)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const [, address, port] = /^tcp:\/\/(.*):(\d+)$/.exec(url) ?? []
    throw Object.assign(new Error(`${url}: ${code}`), { code, address, port: Number(port) })
  }
  return socket.lastEndpoint ?? url
}

/** Run by libzmq's own thread: they find dead connections, not busy or stuck processes. */
const HEARTBEATS = { heartbeatInterval: 1000, heartbeatTimeout: 3000 }
const KEEP_ALIVE = { tcpKeepalive: 1, tcpKeepaliveIdle: 10, tcpKeepaliveInterval: 5, tcpKeepaliveCount: 3 }

/** Also for a peer that is alive and whose kernel says so: the time is TCP_USER_TIMEOUT, which counts closed windows. */
const UNREAD_MS = 10_000
const UNREAD = { tcpMaxRetransmitTimeout: UNREAD_MS }

const common = (options: SocketOptions) => ({
  // With a domain, libzmq refuses peers that speak no ZMTP 3. Otherwise whoever opens a TCP connection and writes
  // anything, `GET /` for one, becomes a peer without a handshake, and a dealer gives it a share of the requests.
  zapDomain: 'compasso',
  maxMessageSize: options.maxMessageSize ?? LIMITS.frameBytes,
  linger: options.linger ?? 0,
  ...(options.sendKernelBytes !== undefined && { sendBufferSize: options.sendKernelBytes }),
  ...(options.receiveKernelBytes !== undefined && { receiveBufferSize: options.receiveKernelBytes }),
  ...(options.heartbeats === false ? KEEP_ALIVE : HEARTBEATS),
  handshakeInterval: 5000,
  connectTimeout: 2000,
  reconnectInterval: 100,
  reconnectMaxInterval: 1000,
  // A restarted cluster finds hundreds of clients connecting at once.
  backlog: 1024,
})
const HIGH_WATER_MARK = 1000
const sending = (options: SocketOptions) => ({ sendHighWaterMark: options.sendHighWaterMark ?? HIGH_WATER_MARK })
const receiving = (options: SocketOptions) => ({
  receiveHighWaterMark: options.receiveHighWaterMark ?? HIGH_WATER_MARK,
})
const both = (options: SocketOptions) => ({ ...common(options), ...sending(options), ...receiving(options) })

const MAKERS: { [K in SocketKind]: (options: SocketOptions) => SocketKinds[K] } = {
  // Handover: a client that comes back under its own identity takes over from its half-open old connection.
  router: (options) => new Router({ ...both(options), ...UNREAD, mandatory: true, handover: true, sendTimeout: 0 }),
  dealer: (options) => new Dealer({ ...both(options), immediate: options.immediate ?? false }),
  pub: (options) => new Publisher({ ...common(options), ...sending(options) }),
  sub: (options) => new Subscriber({ ...common(options), ...receiving(options) }),
  xpub: (options) => new XPublisher({ ...both(options), ...UNREAD }),
  xsub: (options) => new XSubscriber(both(options)),
}
