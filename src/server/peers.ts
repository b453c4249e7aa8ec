/**
 * The other servers: their topics, subscribed to directly, and the peer channel. A message for a server goes through a
 * dealer to its router; for one whose endpoint is not known yet it goes back over the connection that it made, since a
 * dealer's routing id is its server's instance.
 */
import type { Complain } from '../platform/socket-complaints.ts'
import { bindSocket, createSocket, createWriter, readLoop, type Writer } from '../platform/sockets.ts'
import { decode, encode } from '../protocol/codec.ts'
import {
  type Endpoint,
  type Instance,
  type ReplicaMessage,
  readReplicaMessage,
  replicaEnvelope,
} from '../protocol/replica.ts'
import { SERVERS_TOPIC } from '../protocol/topics.ts'
import type { ClusterTime } from './time.ts'

const MESSAGE_BYTES = 4 << 20
/** Messages that wait for one server; it asks again for what is lost. */
const QUEUE = 200
const LINGER_MS = 500
const REPLICA_PREFIX = 'replica/'

export type PeersOptions = {
  url: string
  instance: Instance
  time: ClusterTime
  complain: Complain
  onMessage(message: ReplicaMessage): void
  /** A request of a tool or another program. @returns the reply's body */
  onRequest(body: Buffer): Uint8Array
}

export type Peers = {
  /** The endpoint of the peer channel that was bound. */
  readonly endpoint: string
  send(to: Instance, message: ReplicaMessage): void
  /** Which servers there are, this one not among them. */
  update(endpoints: ReadonlyMap<Instance, Endpoint>): void
  close(): void
}

type Peer = { endpoint: Endpoint; socket: ReturnType<typeof createSocket<'dealer'>>; writer: Writer }

export async function createPeers(options: PeersOptions): Promise<Peers> {
  const { instance, time, complain } = options
  const peers = new Map<Instance, Peer>()
  let endpoints: ReadonlyMap<Instance, Endpoint> = new Map()
  const receive = (body: Buffer): void => {
    const message = readMessage(body, complain)
    if (message !== null) options.onMessage(message)
  }

  const router = createSocket('router', { maxMessageSize: MESSAGE_BYTES, linger: LINGER_MS })
  const routed = createWriter(router)
  const endpoint = await bindSocket(router, options.url)
  void readLoop(router, (frames) => {
    const body = frames.at(-1)!
    if (frames.length === 2) return receive(body)
    if (frames.length < 2 || frames.at(-2)!.length !== 0) return complain('dropped a message on the peer channel')
    routed.send([...frames.slice(0, -1), options.onRequest(body)])
  })

  const topics = createSocket('sub', { maxMessageSize: MESSAGE_BYTES, receiveHighWaterMark: 2000 })
  topics.subscribe(REPLICA_PREFIX, SERVERS_TOPIC)
  const subscribed = new Set<string>()
  void readLoop(topics, (frames) => {
    if (frames.length === 2 && frames[0]!.toString('latin1').startsWith(REPLICA_PREFIX)) receive(frames[1]!)
  })

  const open = (to: Instance, at: Endpoint): Peer => {
    const socket = createSocket('dealer', {
      maxMessageSize: MESSAGE_BYTES,
      sendHighWaterMark: QUEUE,
      linger: LINGER_MS,
    })
    socket.routingId = instance
    socket.connect(at.peer)
    void readLoop(socket, (frames) => receive(frames.at(-1)!))
    const peer = { endpoint: at, socket, writer: createWriter(socket, { maxQueued: QUEUE }) }
    peers.set(to, peer)
    return peer
  }
  const drop = (to: Instance, peer: Peer): void => {
    peers.delete(to)
    peer.writer.close()
    peer.socket.close()
  }

  return {
    endpoint,
    send(to, message) {
      const body = encode(replicaEnvelope(message, time.now()))
      const at = endpoints.get(to)
      if (at === undefined) routed.send([Buffer.from(to), body])
      else (peers.get(to) ?? open(to, at)).writer.send([body])
    },
    update(now) {
      endpoints = now
      for (const [to, peer] of peers) if (now.get(to)?.peer !== peer.endpoint.peer) drop(to, peer)
      const wanted = new Set([...now.values()].map(({ pub }) => pub))
      for (const url of wanted) if (!subscribed.has(url)) connectTo(topics, url, subscribed, complain)
      for (const url of subscribed) {
        if (wanted.has(url)) continue
        subscribed.delete(url)
        topics.disconnect(url)
      }
    },
    close() {
      for (const [to, peer] of peers) drop(to, peer)
      routed.close()
      router.close()
      topics.close()
    },
  }
}

function connectTo(
  topics: ReturnType<typeof createSocket<'sub'>>,
  url: string,
  subscribed: Set<string>,
  complain: Complain,
): void {
  try {
    topics.connect(url)
    subscribed.add(url)
  } catch (error) {
    complain('a server has an endpoint that cannot be used', { url, wrong: (error as Error).message })
  }
}

/** Reads a message between servers; what is kept of it gets a buffer of its own. */
function readMessage(body: Buffer, complain: Complain): ReplicaMessage | null {
  let message: ReplicaMessage | null
  try {
    message = readReplicaMessage(decode(body))
  } catch (error) {
    complain('a message between servers could not be read', { wrong: (error as Error).message })
    return null
  }
  if (message === null) {
    complain('dropped a message that is none between servers', { bytes: body.length })
    return null
  }
  // The events stay until everybody has them; what came with them need not.
  if (message.type === 'events') message.lines = copyOf(message.lines)
  return message
}

function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
