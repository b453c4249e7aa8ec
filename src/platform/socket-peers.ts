/** How many peers are connected to a socket that is bound, from its monitor. */
import type { Event, Socket } from 'zeromq'

export type Peers = { readonly count: number }

/**
 * Counts peers whose handshake succeeded. Call it before binding or connecting.
 * @param onChange told of every change, with the new number
 */
export function watchPeers(socket: Socket, onChange: (count: number) => void = () => {}): Peers {
  const peers = { count: 0 }
  /** A peer that fails in the handshake (a port scanner) is disconnected too, but was never counted. */
  let strangers = 0
  const observe = (event: Event): void => {
    if (event.type === 'handshake') onChange(++peers.count)
    else if (event.type.startsWith('handshake:error')) strangers++
    else if (event.type === 'disconnect') {
      if (strangers > 0) strangers--
      else if (peers.count > 0) onChange(--peers.count)
    }
  }
  void follow(socket, observe)
  return peers
}

async function follow(socket: Socket, observe: (event: Event) => void): Promise<void> {
  const { events } = socket
  while (!socket.closed) {
    let event: Event
    try {
      event = await events.receive()
    } catch (error) {
      if (socket.closed || events.closed) return
      throw error
    }
    observe(event)
  }
}
