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
  return new SocketWriter(socket, options)
}

class SocketWriter implements Writer {
  readonly #socket: Sending
  readonly #maxQueued: number
  readonly #onDrop: (frames: Frames, code: string) => void
  #queue: Frames[] = []
  /** The part of the queue before this is done with. */
  #head = 0
  /** Sends whose promise has not come back; several within one turn, of which only the last can be unfinished. */
  #unsettled = 0
  #last: Promise<void> = Promise.resolve()
  #waiting = false
  #closed = false
  #drainers: (() => void)[] = []

  constructor(socket: Sending, options: WriterOptions) {
    this.#socket = socket
    this.#maxQueued = options.maxQueued ?? 10_000
    this.#onDrop = options.onDrop ?? (() => {})
  }

  get queued(): number {
    return this.#queue.length - this.#head + (this.#unsettled > 0 ? 1 : 0)
  }

  send(frames: Frames): boolean {
    if (this.#closed) return false
    const waiting = this.#queue.length - this.#head
    if (waiting === 0 && this.#trySend(frames)) return true
    if (waiting >= this.#maxQueued) return false
    this.#queue.push(frames)
    this.#wait()
    return true
  }

  drained(): Promise<void> {
    if (this.#closed || this.queued === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drainers.push(resolve))
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#head = 0
    this.#releaseDrainers()
  }

  /** @returns false when the socket is still busy with an earlier message */
  #trySend(frames: Frames): boolean {
    try {
      this.#last = this.#socket.send(frames)
    } catch (error) {
      if (codeOf(error) === 'EBUSY') return false
      this.#onDrop(frames, codeOf(error))
      return true
    }
    this.#unsettled++
    this.#last.then(this.#settle, (error) => {
      this.#onDrop(frames, codeOf(error))
      this.#settle()
    })
    return true
  }

  readonly #settle = (): void => {
    this.#unsettled--
    if (this.queued === 0) this.#releaseDrainers()
  }

  #wait(): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#last.then(this.#pump, this.#pump)
  }

  readonly #pump = (): void => {
    this.#waiting = false
    while (this.#head < this.#queue.length && this.#trySend(this.#queue[this.#head]!)) this.#head++
    if (this.#head === this.#queue.length || this.#head > 1000) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    if (this.#queue.length > 0) this.#wait()
    else if (this.queued === 0) this.#releaseDrainers()
  }

  #releaseDrainers(): void {
    const released = this.#drainers
    this.#drainers = []
    for (const release of released) release()
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
