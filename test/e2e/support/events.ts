/** A reader of server-sent events that comes back with the last id it has seen, as browsers do. */
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import type { Data } from '../../../src/client/client.ts'

export type Received = { id: number; data: Data }

export type EventReader = {
  /** All events so far, over all connections. */
  received: Received[]
  /** How often it was answered with a stream. */
  connections(): number
  /** Anything but a stream that it was answered with. */
  refusals: string[]
  /** Ends the connection in the middle of whatever there is; it comes back. */
  cut(): void
  /** Takes nothing more, or again. */
  pause(): void
  resume(): void
  close(): void
}

const AGAIN_MS = 50

export function readEvents(url: string): EventReader {
  const received: Received[] = []
  const refusals: string[] = []
  let lastId: string | null = null
  let connections = 0
  let closed = false
  let paused = false
  let request: ClientRequest | null = null
  let response: IncomingMessage | null = null
  let timer: NodeJS.Timeout | null = null

  const again = (): void => {
    response = null
    if (!closed) timer ??= setTimeout(open, AGAIN_MS)
  }
  const open = (): void => {
    timer = null
    // A connection of its own, which a pause stops all the way.
    const headers = { accept: 'text/event-stream', ...(lastId !== null && { 'last-event-id': lastId }) }
    request = get(url, { agent: false, headers }, take)
    request.on('error', again)
  }
  const take = (answer: IncomingMessage): void => {
    if (answer.statusCode !== 200) {
      refusals.push(`${answer.statusCode}`)
      answer.resume().on('close', again)
      return
    }
    connections++
    response = answer
    answer.setEncoding('utf8')
    let rest = ''
    answer.on('data', (chunk: string) => {
      const blocks = (rest + chunk).split('\n\n')
      // What is not complete when the connection ends was not received.
      rest = blocks.pop()!
      for (const block of blocks) read(block)
    })
    answer.on('error', () => {})
    answer.on('close', again)
    if (paused) answer.pause()
  }
  const read = (block: string): void => {
    let data: string | null = null
    for (const line of block.split('\n')) {
      if (line.startsWith('id: ')) lastId = line.slice(4)
      if (line.startsWith('data: ')) data = line.slice(6)
    }
    if (data !== null) received.push({ id: Number(lastId), data: JSON.parse(data) })
  }
  open()
  return {
    received,
    refusals,
    connections: () => connections,
    cut: () => request?.destroy(),
    pause() {
      paused = true
      response?.pause()
    },
    resume() {
      paused = false
      response?.resume()
    },
    close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
      request?.destroy()
    },
  }
}
