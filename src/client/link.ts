/** The connection to one broker: a dealer, and frames `[batch number, '', body]` that every REP worker hands back. */
import { createSocket, createWriter, readLoop } from '../platform/sockets.ts'

export type Link = { send(batch: number, body: Uint8Array): void; close(): void }

const EMPTY = Buffer.alloc(0)
const NUMBER_BYTES = 6

/** @param onReply gets each reply with the number of its batch */
export function connectBroker(url: string, onReply: (batch: number, body: Buffer) => void): Link {
  // Immediate: what is meant for a broker that is gone waits here for the next, not in a pipe to nowhere.
  const socket = createSocket('dealer', { immediate: true })
  socket.connect(url)
  const writer = createWriter(socket)
  void readLoop(socket, (frames) => {
    const [number, delimiter, body] = frames
    if (frames.length === 3 && number!.length === NUMBER_BYTES && delimiter!.length === 0)
      onReply(number!.readUIntBE(0, NUMBER_BYTES), body!)
  })
  return {
    send(batch, body) {
      const number = Buffer.allocUnsafe(NUMBER_BYTES)
      number.writeUIntBE(batch, 0, NUMBER_BYTES)
      // A full queue drops it: like anything that gets lost on the way, it is sent again.
      writer.send([number, EMPTY, body])
    },
    close() {
      writer.close()
      socket.close()
    },
  }
}
