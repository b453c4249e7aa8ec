/** Receives from a socket until it is closed. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Readable, Socket } from 'zeromq'

export type ReadOptions = {
  /**
   * Asked before each message: null to go on, or a promise to wait for. While the loop waits, ZeroMQ's queues fill and
   * then the peers' do: that is back-pressure.
   */
  pause?: () => Promise<void> | null
}

/** Messages handled in a row before timers and other sockets get their turn. */
const MESSAGES_PER_TURN = 256

/**
 * Hands over each message, in one go what is there: what `onMessage` gathers can be handled together in a
 * `setImmediate`, which runs when the socket is empty or after MESSAGES_PER_TURN.
 * @returns resolves when the socket is closed; rejects with what `onMessage` throws
 */
export async function readLoop(
  socket: Socket & Readable<Buffer[]>,
  onMessage: (frames: Buffer[]) => void,
  options: ReadOptions = {},
): Promise<void> {
  const { pause } = options
  let inTurn = 0
  while (!socket.closed) {
    const paused = pause === undefined ? null : pause()
    if (paused !== null) {
      await paused
      continue
    }
    let frames: Buffer[]
    try {
      frames = await socket.receive()
    } catch (error) {
      if (socket.closed) return
      throw error
    }
    onMessage(frames)
    if (++inTurn === MESSAGES_PER_TURN) {
      inTurn = 0
      await nextTurn()
    }
  }
}
