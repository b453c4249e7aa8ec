/**
 * The other servers: their topics and the peer channel. A message for a server goes through a dealer to its router; for
 * one whose endpoint is not known yet it goes back over the connection that it made, since a dealer's routing id is its
 * server's instance.
 */
import { bindSocket, createSocket, createWriter, readLoop, type Writer } from '../platform/sockets.ts'
import { encode } from '../protocol/codec.ts'
import { type Endpoint, type Instance, type ReplicaMessage, replicaEnvelope } from '../protocol/replica.ts'
import { MESSAGE_BYTES, type Receivers, receiveMessage } from './messages.ts'
import type { ClusterTime } from './time.ts'
import { createTopics } from './topics.ts'

/** Messages that wait for one server, of up to 4 MiB; it asks again for what is lost. */
const QUEUE = 64
/** Messages read ahead from whoever connects. */
const READ_AHEAD = 32
const LINGER_MS = 500

export type PeersOptions = Receivers & {
  url: string
  instance: Instance
  time: ClusterTime
  /** A request of a tool, another program, or a server that cannot start yet. @returns the reply's body */
  onRequest(body: Buffer): Promise<Uint8Array>
}

export type Peers = {
  /** The endpoint of the peer channel that was bound. */
  readonly endpoint: string
  send(to: Instance, message: ReplicaMessage): void
  /** The same for an encoded message of another kind. */
  sendBody(to: Instance, body: Uint8Array): void
  /** Which servers there are, this one not among them. */
  update(endpoints: ReadonlyMap<Instance, Endpoint>): void
  close(): void
}

type Receive = (body: Buffer) => void

export async function createPeers(options: PeersOptions): Promise<Peers> {
  const { instance, time, complain } = options
  const receive: Receive = (body) => receiveMessage(body, options)
  const router = createSocket('router', {
    ...{ maxMessageSize: MESSAGE_BYTES, linger: LINGER_MS },
    ...{ receiveHighWaterMark: READ_AHEAD, sendHighWaterMark: QUEUE },
  })
  const routed = createWriter(router)
  const endpoint = await bindSocket(router, options.url)
  void readLoop(router, (frames) => {
    const body = frames.at(-1)!
    if (frames.length === 2) return receive(body)
    if (frames.length < 2 || frames.at(-2)!.length !== 0) return complain('dropped a message on the peer channel')
    void options.onRequest(body).then((reply) => routed.send([...frames.slice(0, -1), reply]))
  })
  const topics = createTopics(complain, receive)
  const channels = new Map<Instance, Channel>()
  let endpoints: ReadonlyMap<Instance, Endpoint> = new Map()

  const sendBody = (to: Instance, body: Uint8Array): void => {
    const at = endpoints.get(to)
    if (at === undefined) {
      routed.send([Buffer.from(to), body])
      return
    }
    let channel = channels.get(to)
    if (channel === undefined) {
      channel = openChannel(instance, at.peer, receive)
      channels.set(to, channel)
    }
    channel.writer.send([body])
  }

  return {
    endpoint,
    send: (to, message) => sendBody(to, encode(replicaEnvelope(message, time.now()))),
    sendBody,
    update(now) {
      endpoints = now
      for (const [to, channel] of channels) {
        if (now.get(to)?.peer === channel.endpoint) continue
        channels.delete(to)
        closeChannel(channel)
      }
      topics.update(new Set([...now.values()].map(({ pub }) => pub)))
    },
    close() {
      for (const channel of channels.values()) closeChannel(channel)
      routed.close()
      router.close()
      topics.close()
    },
  }
}

type Channel = { endpoint: string; socket: ReturnType<typeof createSocket<'dealer'>>; writer: Writer }

function openChannel(instance: Instance, endpoint: string, receive: Receive): Channel {
  const socket = createSocket('dealer', {
    ...{ maxMessageSize: MESSAGE_BYTES, linger: LINGER_MS },
    ...{ receiveHighWaterMark: READ_AHEAD, sendHighWaterMark: QUEUE },
  })
  socket.routingId = instance
  socket.connect(endpoint)
  void readLoop(socket, (frames) => receive(frames.at(-1)!))
  return { endpoint, socket, writer: createWriter(socket, { maxQueued: QUEUE }) }
}

function closeChannel({ socket, writer }: Channel): void {
  writer.close()
  socket.close()
}
