/**
 * One queue for everything that is sent on a socket. zeromq.js takes one unfinished `send` at a time (a second throws
 * EBUSY); most finish at once, so the queue sends back to back and waits only when the socket says so.
 */
import type { MessageLike, Socket, Writable } from 'zeromq'

export type Frames = MessageLike[]

export type Writer = {
  /**
   * Sends one message, in order. The frames belong to the writer from now on: ZeroMQ does not copy larger buffers.
   * @returns false when the queue is full or the writer closed; then the message was not taken
   */
  send(frames: Frames): boolean
  /** Messages that wait, the one that the socket is busy with included. */
  readonly queued: number
  /** Resolves when nothing waits any more (or the writer was closed). */
  drained(): Promise<void>
  /** Forgets what waits. The socket stays the caller's to close. */
  close(): void
}

export type WriterOptions = {
  /** Most messages that wait here, besides those in the socket's own queue. Default 10,000. */
  maxQueued?: number
  /** Told of every message that the socket refused: EAGAIN (peer too slow), EHOSTUNREACH (peer gone) … */
  onDrop?: (frames: Frames, code: string) => void
}

type Sending = Socket & Writable<Frames>

export function createWriter(socket: Sending, options: WriterOptions = {}): Writer {
  const maxQueued = options.maxQueued ?? 10_000
  let queue: Frames[] = []
  let head = 0
  /** Sends whose promise has not come back; more than one only within one turn, as only the last can be unfinished. */
  let unsettled = 0
  let last: Promise<void> = Promise.resolve()
  let waiting = false
  let closed = false
  let drainers: (() => void)[] = []

  const settle = (): void => {
    unsettled--
    if (unsettled === 0 && head === queue.length) releaseDrainers()
  }
  const releaseDrainers = (): void => {
    const released = drainers
    drainers = []
    for (const release of released) release()
  }
  const drop = (frames: Frames, error: unknown): void =>
    options.onDrop?.(frames, (error as NodeJS.ErrnoException).code ?? String(error))

  /** @returns false when the socket is still busy with an earlier message */
  const trySend = (frames: Frames): boolean => {
    try {
      last = socket.send(frames)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false
      drop(frames, error)
      return true
    }
    unsettled++
    last.then(settle, (error) => {
      drop(frames, error)
      settle()
    })
    return true
  }
  const pump = (): void => {
    waiting = false
    while (head < queue.length) {
      if (!trySend(queue[head]!)) {
        wait()
        return
      }
      head++
    }
    queue = []
    head = 0
    if (unsettled === 0) releaseDrainers()
  }
  const wait = (): void => {
    if (waiting) return
    waiting = true
    // Bounds the part of the array that is done with.
    if (head > 1000) {
      queue = queue.slice(head)
      head = 0
    }
    last.then(pump, pump)
  }

  return {
    send(frames) {
      if (closed) return false
      if (head === queue.length && trySend(frames)) return true
      if (queue.length - head >= maxQueued) return false
      queue.push(frames)
      wait()
      return true
    },
    get queued() {
      return queue.length - head + (unsettled > 0 ? 1 : 0)
    },
    drained() {
      if (closed || (unsettled === 0 && head === queue.length)) return Promise.resolve()
      return new Promise((resolve) => drainers.push(resolve))
    },
    close() {
      closed = true
      queue = []
      head = 0
      releaseDrainers()
    },
  }
}
