/** How many peers are connected to a socket that is bound, from its monitor. */
import type { Event, Socket } from 'zeromq'

export type Peers = { readonly count: number }

/**
 * Counts peers whose handshake succeeded. Call it before binding or connecting.
 *
 * Each connection gives an `accept`, then `handshake`, `handshake:error` or neither, then a `disconnect`, and no event
 * says whose it is. A disconnect that may be a stranger's (a port scanner's) is taken for one; should all that were
 * pending turn up later, at most a handshake's time limit later, then it was a peer's.
 * @param onChange told of every change, with the new number
 */
export function watchPeers(socket: Socket, onChange: (count: number) => void = () => {}): Peers {
  const peers = { count: 0 }
  /** Connections whose handshake has neither succeeded nor failed. */
  let pending = 0
  /** Connections whose handshake failed and whose disconnect is still to come. */
  let failed = 0
  const change = (by: number): void => {
    peers.count = Math.max(0, peers.count + by)
    onChange(peers.count)
  }
  const observe = ({ type }: Event): void => {
    if (type === 'accept' || type === 'connect') pending++
    else if (type === 'handshake' || type.startsWith('handshake:error')) {
      if (pending > 0) pending--
      else change(-1)
      if (type === 'handshake') change(1)
      else failed++
    } else if (type === 'disconnect') {
      if (failed > 0) failed--
      else if (pending > 0) pending--
      else change(-1)
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
