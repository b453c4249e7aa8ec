/** One back end: a bound dealer that hands requests to its workers in turn, and the requests that wait for one. */
import { bindSocket, createSocket, createWriter, readLoop, type Writer, watchPeers } from '../platform/sockets.ts'
import type { Request } from './dispatch.ts'
import type { Outlet } from './traffic.ts'

export type BackEnd = Outlet & { close(): void }

export type BackEndOptions = {
  name: string
  url: string
  /** The frames of a request as they leave now. */
  toFrames(request: Request): Buffer[]
  onReply(frames: Buffer[]): void
  onWorkers(count: number, before: number): void
}

/** Most requests that are in the writer and can no longer be taken back. */
const WRITER_AHEAD = 8
/**
 * Messages queued to one worker, and bytes of them that the kernel holds. ZeroMQ gives to the workers in turn and leaves out
 * those that are full, so with short queues a slow worker gets less and what it would have kept waiting goes to the others.
 */
const WORKER_QUEUE = 4
const WORKER_KERNEL_BYTES = 8 * 1024
/** Replies read ahead from one; of up to 1 MiB, so not many. */
const REPLY_QUEUE = 64

export async function createBackEnd(options: BackEndOptions): Promise<BackEnd> {
  const socket = createSocket('dealer', {
    ...{ sendHighWaterMark: WORKER_QUEUE, receiveHighWaterMark: REPLY_QUEUE },
    sendKernelBytes: WORKER_KERNEL_BYTES,
  })
  const writer = createWriter(socket)
  const line = new WaitingLine(writer, options.toFrames)
  let workers = 0
  watchPeers(socket, (count) => {
    const before = workers
    workers = count
    options.onWorkers(count, before)
  })
  await bindSocket(socket, options.url)
  void readLoop(socket, options.onReply)
  return {
    name: options.name,
    get workers() {
      return workers
    },
    get waiting() {
      return line.length
    },
    get open() {
      return line.open
    },
    send: (request) => line.send(request),
    close() {
      line.close()
      writer.close()
      socket.close()
    },
  }
}

/** Requests in order; stamped only when they leave, and not at all when they are done before that. */
class WaitingLine {
  readonly #writer: Writer
  readonly #toFrames: (request: Request) => Buffer[]
  #requests: Request[] = []
  #moving = false

  constructor(writer: Writer, toFrames: (request: Request) => Buffer[]) {
    this.#writer = writer
    this.#toFrames = toFrames
  }

  get length(): number {
    return this.#requests.length
  }

  get open(): boolean {
    return this.#requests.length === 0 && this.#writer.queued < WRITER_AHEAD
  }

  send(request: Request): void {
    if (this.open) this.#writer.send(this.#toFrames(request))
    else {
      this.#requests.push(request)
      if (!this.#moving) void this.#move()
    }
  }

  close(): void {
    this.#requests = []
  }

  async #move(): Promise<void> {
    this.#moving = true
    while (this.#requests.length > 0) {
      await this.#writer.drained()
      let taken = 0
      while (taken < this.#requests.length && this.#writer.queued < WRITER_AHEAD) {
        const request = this.#requests[taken++]!
        if (!request.done) this.#writer.send(this.#toFrames(request))
      }
      this.#requests = this.#requests.slice(taken)
    }
    this.#moving = false
  }
}
