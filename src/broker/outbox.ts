/**
 * Replies on their way to clients. ZeroMQ's own queue to a client counts messages, whatever their size, and is kept short
 * for that reason: one that sends and never reads must not fill the memory with large replies. What an honest client has
 * no room for at the moment waits here, counted in bytes, and is tried again.
 *
 * Limits: beyond the bounds the newest replies are dropped. A client that leaves what waits for it unread is disconnected
 * by TCP (platform/sockets.ts), and then all that is here for it goes.
 */
import type { Frames } from '../platform/sockets.ts'

export type OutboxLimits = {
  /** Of one client, and of all together. */
  clientBytes: number
  clientMessages: number
  bytes: number
}

export type OutboxOptions = {
  limits: OutboxLimits
  /** Sends to a client at once. @returns rejects with EAGAIN when there is no room, with EHOSTUNREACH when it is gone … */
  send(frames: Frames): Promise<void>
  /** Told of every reply that no client will get. */
  onDrop(): void
}

type Waiting = { queue: Uint8Array[][]; bytes: number }

/** Clients that are tried in one go: a failed attempt costs as much as a good one, and most of them are hopeless. */
const CLIENTS_PER_FLUSH = 32

export class Outbox {
  readonly #options: OutboxOptions
  /** By identity; who was tried goes to the end. */
  readonly #clients = new Map<string, Waiting>()
  #bytes = 0
  /** It is going on, or about to. */
  #flushing = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Bytes that wait here. */
  get bytes(): number {
    return this.#bytes
  }

  /** Sends a reply `[identity, …]`, now or as soon as its client takes it. */
  send(frames: Uint8Array[]): void {
    if (this.#clients.size > 0 && this.#clients.has(keyOf(frames))) return this.#keep(frames)
    this.#options.send(frames).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EAGAIN') this.#keep(frames)
      else this.#options.onDrop()
    })
  }

  /**
   * Tries again. It does so by itself soon after a client had no room, and as long as clients take something; beyond that
   * it is to be called every few tens of milliseconds.
   */
  flush(): void {
    if (this.#flushing || this.#clients.size === 0) return
    this.#flushing = true
    setImmediate(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    let moved = false
    for (const [key, client] of [...this.#clients].slice(0, CLIENTS_PER_FLUSH)) {
      if (await this.#tryClient(client)) moved = true
      this.#clients.delete(key)
      if (client.queue.length > 0) this.#clients.set(key, client)
    }
    this.#flushing = false
    if (moved) this.flush()
  }

  /** @returns whether it took anything */
  async #tryClient(client: Waiting): Promise<boolean> {
    let taken = 0
    try {
      for (; taken < client.queue.length; taken++) await this.#options.send(client.queue[taken]!)
    } catch (error) {
      // Gone: nothing of it has anywhere to go.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        for (let i = taken; i < client.queue.length; i++) this.#options.onDrop()
        taken = client.queue.length
      }
    }
    for (const frames of client.queue.splice(0, taken)) {
      const size = sizeOf(frames)
      client.bytes -= size
      this.#bytes -= size
    }
    return taken > 0
  }

  #keep(frames: Uint8Array[]): void {
    const { clientBytes, clientMessages, bytes } = this.#options.limits
    const key = keyOf(frames)
    const size = sizeOf(frames)
    const client = this.#clients.get(key) ?? { queue: [], bytes: 0 }
    const fits = client.bytes + size <= clientBytes && client.queue.length < clientMessages
    if (!fits || this.#bytes + size > bytes) return this.#options.onDrop()
    client.queue.push(frames)
    client.bytes += size
    this.#bytes += size
    this.#clients.set(key, client)
    this.flush()
  }
}

const keyOf = (frames: Uint8Array[]): string => Buffer.from(frames[0]!).toString('latin1')

const sizeOf = (frames: Uint8Array[]): number => frames.reduce((sum, frame) => sum + frame.length, 0)
