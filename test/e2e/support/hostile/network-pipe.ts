/** One relayed connection: two directions, each of which waits while it is cut. */
import type { Socket } from 'node:net'

export type Direction = { from: string; to: string }

/** How far one direction has come. */
type Flow = { source: Socket; sink: Socket; direction: Direction; waiting: Buffer[]; ended: boolean }

export class Pipe {
  readonly #client: Socket
  readonly #open: () => Socket
  readonly #direction: Direction
  readonly #isCut: (direction: Direction) => boolean
  readonly #onHeld: () => void
  #flows: Flow[] = []
  #whenClosed: () => void = () => {}

  /**
   * @param client the accepted connection, paused
   * @param open connects to where it wants to go
   * @param direction from whoever connected to whom
   * @param onHeld told whenever something is held back
   */
  constructor(
    client: Socket,
    open: () => Socket,
    direction: Direction,
    isCut: (direction: Direction) => boolean,
    onHeld: () => void,
  ) {
    this.#client = client
    this.#open = open
    this.#direction = direction
    this.#isCut = isCut
    this.#onHeld = onHeld
    client.once('close', () => this.#closed())
    this.#connect()
    if (this.#flows.length === 0) onHeld()
  }

  onClose(listener: () => void): void {
    this.#whenClosed = listener
  }

  /** To be called when something was mended. */
  mended(): void {
    if (this.#flows.length === 0) this.#connect()
    for (const flow of this.#flows) this.#release(flow)
  }

  destroy(): void {
    this.#client.destroy()
    for (const { source } of this.#flows) source.destroy()
    this.#whenClosed()
  }

  /** A connection takes a packet in each direction. */
  #connect(): void {
    if (this.#client.destroyed) return this.#whenClosed()
    const { from, to } = this.#direction
    const back = { from: to, to: from }
    if (this.#isCut(this.#direction) || this.#isCut(back)) return
    const server = this.#open()
    server.setNoDelay(true)
    server.allowHalfOpen = true
    this.#flows = [
      { source: this.#client, sink: server, direction: this.#direction, waiting: [], ended: false },
      { source: server, sink: this.#client, direction: back, waiting: [], ended: false },
    ]
    for (const flow of this.#flows) this.#start(flow)
  }

  #start(flow: Flow): void {
    const { source, sink } = flow
    source.on('error', () => {})
    source.on('data', (bytes) => {
      if (this.#isCut(flow.direction)) {
        flow.waiting.push(bytes)
        source.pause()
        this.#onHeld()
      } else if (!sink.write(bytes)) source.pause()
    })
    sink.on('drain', () => this.#release(flow))
    const end = (): void => {
      flow.ended = true
      this.#release(flow)
    }
    source.once('end', end)
    source.once('close', end)
    source.resume()
  }

  /** Lets through what waits, if it may. */
  #release(flow: Flow): void {
    const { source, sink, waiting } = flow
    if (this.#isCut(flow.direction)) return
    for (const bytes of waiting.splice(0)) sink.write(bytes)
    if (!flow.ended) source.resume()
    else if (source.destroyed && source.errored) sink.destroy()
    else sink.end()
  }

  #closed(): void {
    if (this.#flows.every(({ source }) => source.destroyed)) this.#whenClosed()
    else for (const { source } of this.#flows) source.once('close', () => this.#whenClosed())
  }
}
