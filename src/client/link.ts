/** The connection to one broker: a dealer, and frames `[batch number, '', body]` that every REP worker hands back. */
import { createSocket, createWriter, readLoop } from '../platform/sockets.ts'

export type Link = {
  /** @param again some of it was sent before */
  send(batch: number, body: Uint8Array, again: boolean): void
  close(): void
}

const EMPTY = Buffer.alloc(0)
const NUMBER_BYTES = 6
/** Bytes of bodies that wait for a broker that takes none. */
const MOST_BYTES = 64 << 20
/** While so many wait for it, what was sent before is not sent to it again: that would all arrive when it comes back. */
const MOST_REPEATS = 16

/** @param onReply gets each reply with the number of its batch */
export function connectBroker(url: string, onReply: (batch: number, body: Buffer) => void): Link {
  // Immediate: what is meant for a broker that is gone waits here for the next, not in a pipe to nowhere.
  const socket = createSocket('dealer', { immediate: true })
  socket.connect(url)
  const writer = createWriter(socket)
  /** Bytes taken since nothing waited. */
  let bytes = 0
  void readLoop(socket, (frames) => {
    const [number, delimiter, body] = frames
    if (frames.length === 3 && number!.length === NUMBER_BYTES && delimiter!.length === 0)
      onReply(number!.readUIntBE(0, NUMBER_BYTES), body!)
  })
  return {
    send(batch, body, again) {
      const { queued } = writer
      if (queued === 0) bytes = 0
      // What finds no room is dropped: like anything that gets lost on the way, it is sent again.
      if (queued > 1 && bytes + body.length > MOST_BYTES) return
      if (again && queued > MOST_REPEATS) return
      bytes += body.length
      const number = Buffer.allocUnsafe(NUMBER_BYTES)
      number.writeUIntBE(batch, 0, NUMBER_BYTES)
      writer.send([number, EMPTY, body])
    },
    close() {
      writer.close()
      socket.close()
    },
  }
}
