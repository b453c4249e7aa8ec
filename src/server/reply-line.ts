/**
 * Replies to one broker, in order. They are made only when there is room for them: until then a reply is no more than its
 * answers, which many share. So thousands of large ones, all answered by one event, take neither the memory of thousands
 * nor the event loop for as long as all of them take.
 */
import type { Writer } from '../platform/sockets.ts'

export type ReplyLine = {
  /** @param make gives the frames, when it is their turn; called once, also when they have nowhere to go any more */
  add(make: () => Uint8Array[]): void
  /** Resolves when all have left, or it was closed. */
  drained(): Promise<void>
  close(): void
}

/** Made in one turn of the event loop, bytes. */
const BYTES_PER_TURN = 1 << 20

export function createReplyLine(writer: Writer): ReplyLine {
  let line: (() => Uint8Array[])[] = []
  /** The part of the line before this has left. */
  let head = 0
  let moving: Promise<void> | null = null
  let closed = false
  let made = 0

  const nextTurn = (): Promise<void> => new Promise((next) => setImmediate(next))
  const isOpen = (): boolean => writer.queued <= 1 && made < BYTES_PER_TURN
  const send = (make: () => Uint8Array[]): void => {
    const frames = make()
    if (made === 0) void nextTurn().then(() => (made = 0))
    for (const frame of frames) made += frame.length
    writer.send(frames)
  }
  const move = async (): Promise<void> => {
    while (head < line.length) {
      await writer.drained()
      if (made >= BYTES_PER_TURN) await nextTurn()
      while (head < line.length && isOpen()) send(line[head++]!)
      line = line.slice(head)
      head = 0
    }
    moving = null
  }
  return {
    add(make) {
      if (closed) make()
      else if (moving === null && isOpen()) send(make)
      else {
        line.push(make)
        moving ??= move()
      }
    },
    async drained() {
      await moving
      await writer.drained()
    },
    close() {
      closed = true
      writer.close()
      for (const make of line.splice(head)) make()
    },
  }
}
