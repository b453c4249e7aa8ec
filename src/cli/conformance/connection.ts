/** Sockets of the plainest kind towards the broker and the proxy under test. */

import { WELCOME_TOPIC } from '../../platform/socket-welcome.ts'
import { createSocket, readLoop } from '../../platform/sockets.ts'
import { decode } from '../../protocol/codec.ts'
import { isMap } from '../../protocol/envelope.ts'
import { Deviation, Silence } from './rule.ts'

/** For one reply: longer than a broker of ours lets a request wait when all is well, shorter than patience. */
const REPLY_MS = 10_000

export type Connection = {
  /**
   * Sends a body as a REQ socket does, and waits for what comes back.
   * @param route frames of its own before the empty one
   * @returns all frames that came
   * @throws {Silence} when nothing came in time
   */
  exchange(body: Uint8Array, route?: readonly Buffer[]): Promise<Buffer[]>
  /** The two halves of that. */
  send(body: Uint8Array, route: readonly Buffer[]): Promise<void>
  receive(): Promise<Buffer[]>
  /** Sends a body that must get no reply: resolves when the other side has closed the connection. */
  sendUntilClosed(body: Uint8Array): Promise<void>
  close(): void
}

/** @param onReply told of every message that comes */
export function openConnection(url: string, onReply: (frames: readonly Buffer[]) => void): Connection {
  const socket = createSocket('dealer')
  socket.receiveTimeout = REPLY_MS
  socket.sendTimeout = REPLY_MS
  socket.connect(url)
  const send = (body: Uint8Array, route: readonly Buffer[]): Promise<void> => socket.send([...route, '', body])
  const receive = async (): Promise<Buffer[]> => {
    try {
      const frames = await socket.receive()
      onReply(frames)
      return frames
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      throw new Silence('a reply', `nothing in ${REPLY_MS / 1000} s`)
    }
  }
  return {
    send,
    receive,
    async exchange(body, route = []) {
      await send(body, route)
      return receive()
    },
    async sendUntilClosed(body) {
      const closed = new Promise<void>((resolve) => {
        socket.events.on('disconnect', () => resolve())
      })
      await send(body, [])
      const replied = receive().then((frames) => {
        throw new Deviation('no reply, and the connection closed', `a reply of ${frames.at(-1)!.length} bytes`)
      })
      replied.catch(() => {})
      await Promise.race([closed, replied])
    },
    close: () => socket.close(),
  }
}

/** What a subscriber hears; `text` is all of a message's bytes as far as they are text. */
export type Listener = {
  messages: { topic: string; frames: number; body: unknown; text: string }[]
  /** Topics on which it was welcomed. */
  welcomed: boolean
  close(): void
}

/** Subscribes to topics, and to a welcome after them. */
export function openListener(url: string, topics: readonly string[], unique: string): Listener {
  const socket = createSocket('sub')
  socket.connect(url)
  const welcome = `${WELCOME_TOPIC}/${unique}`
  for (const topic of [...topics, welcome]) socket.subscribe(topic)
  const listener: Listener = { messages: [], welcomed: false, close: () => socket.close() }
  void readLoop(socket, (frames) => {
    const topic = frames[0]!.toString()
    if (topic === welcome) listener.welcomed = true
    else {
      const text = Buffer.concat(frames).toString()
      listener.messages.push({ topic, frames: frames.length, body: tryDecode(frames.at(-1)!), text })
    }
  })
  return listener
}

/** The maps in a publication's body: itself, or those of the array that it is. */
export function mapsIn(body: unknown): Record<string, unknown>[] {
  return (Array.isArray(body) ? body : [body]).filter(isMap)
}

/** What a body says, or undefined when it is no MessagePack. */
export function tryDecode(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch {
    return undefined
  }
}
