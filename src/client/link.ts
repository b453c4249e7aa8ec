/** The connection to one broker: a dealer, and frames `[batch number, '', body]` that every REP worker hands back. */
import { createSocket, createWriter, readLoop } from '../platform/sockets.ts'

export type LinkOptions = {
  /** Whether a batch that waits for the broker is worth sending when it takes something again. */
  isWanted(batch: number): boolean
  /** Gets each reply with the number of its batch. */
  onReply(batch: number, body: Buffer): void
}

export type Link = { send(batch: number, body: Uint8Array): void; close(): void }

type Waiting = { batch: number; body: Uint8Array }

const EMPTY = Buffer.alloc(0)
const NUMBER_BYTES = 6
/** Of bodies that wait for a broker that takes none. Any more is dropped: like what gets lost, it is sent again. */
const MOST_BYTES = 64 << 20
const FIRST_LOOK = 64

export function connectBroker(url: string, { isWanted, onReply }: LinkOptions): Link {
  // Immediate: what is meant for a broker that is gone waits here for the next, not in a pipe to nowhere.
  const socket = createSocket('dealer', { immediate: true })
  socket.connect(url)
  const writer = createWriter(socket)
  let waiting: Waiting[] = []
  let bytes = 0
  let blocked = false
  /** When so many wait, those that nobody waits for any more are looked for: broken off, or sent again since. */
  let lookAt = FIRST_LOOK
  void readLoop(socket, (frames) => {
    const [number, delimiter, body] = frames
    if (frames.length === 3 && number!.length === NUMBER_BYTES && delimiter!.length === 0)
      onReply(number!.readUIntBE(0, NUMBER_BYTES), body!)
  })

  const write = ({ batch, body }: Waiting): void => {
    const number = Buffer.allocUnsafe(NUMBER_BYTES)
    number.writeUIntBE(batch, 0, NUMBER_BYTES)
    writer.send([number, EMPTY, body])
  }
  const dropUnwanted = (): void => {
    waiting = waiting.filter(({ batch }) => isWanted(batch))
    bytes = waiting.reduce((sum, { body }) => sum + body.length, 0)
  }
  const goOn = (): void => {
    blocked = false
    dropUnwanted()
    for (const one of waiting) write(one)
    waiting = []
    bytes = 0
    lookAt = FIRST_LOOK
  }
  const wait = (one: Waiting): void => {
    if (!blocked) void writer.drained().then(goOn)
    blocked = true
    if (waiting.length >= lookAt || bytes + one.body.length > MOST_BYTES) {
      dropUnwanted()
      lookAt = Math.max(FIRST_LOOK, 2 * waiting.length)
    }
    if (bytes + one.body.length > MOST_BYTES) return
    waiting.push(one)
    bytes += one.body.length
  }
  return {
    send(batch, body) {
      // The socket takes one more while it is at the last one; what is behind that waits here.
      if (!blocked && writer.queued <= 1) write({ batch, body })
      else wait({ batch, body })
    },
    close() {
      waiting = []
      writer.close()
      socket.close()
    },
  }
}
