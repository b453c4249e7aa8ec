/** What the other servers publish for each other, subscribed to directly: replication needs no proxy. */
import type { Complain } from '../platform/socket-complaints.ts'
import { createSocket, readLoop } from '../platform/sockets.ts'
import { MESSAGE_BYTES } from './messages.ts'

const REPLICA_PREFIX = 'replica/'
/** Messages of one server that wait to be read, of up to 0.5 MiB; beyond that some are missed, and fetched. */
const QUEUE = 500

export type Topics = {
  /** The endpoints of all others: connects to those that are new, leaves those that are gone. */
  update(endpoints: ReadonlySet<string>): void
  close(): void
}

export function createTopics(complain: Complain, onMessage: (body: Buffer) => void): Topics {
  const socket = createSocket('sub', { maxMessageSize: MESSAGE_BYTES, receiveHighWaterMark: QUEUE })
  socket.subscribe(REPLICA_PREFIX)
  void readLoop(socket, (frames) => {
    if (frames.length === 2 && frames[0]!.toString('latin1').startsWith(REPLICA_PREFIX)) onMessage(frames[1]!)
  })
  const connected = new Set<string>()
  return {
    update(endpoints) {
      for (const endpoint of endpoints) {
        if (connected.has(endpoint)) continue
        try {
          socket.connect(endpoint)
          connected.add(endpoint)
        } catch (error) {
          complain('a server has an endpoint that cannot be used', { endpoint, wrong: (error as Error).message })
        }
      }
      for (const endpoint of connected) {
        if (endpoints.has(endpoint)) continue
        connected.delete(endpoint)
        socket.disconnect(endpoint)
      }
    },
    close: () => socket.close(),
  }
}
