/**
 * Subscriptions through the proxies. ZeroMQ subscribes by prefix, so topics are compared as a whole here; with several
 * proxies, or after a retry, a publication may come twice, so repeats are dropped by id.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../core/lamport.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import { WELCOME_TOPIC } from '../platform/socket-welcome.ts'
import { createSocket, readLoop } from '../platform/sockets.ts'
import { firstClock, lastClock } from '../protocol/carried.ts'
import { decode } from '../protocol/codec.ts'
import { type Data, isMap } from '../protocol/envelope.ts'
import { createRecent } from './recent.ts'
import { createStream, type Stream } from './stream.ts'

export type Subscription = AsyncIterable<Data> & {
  /**
   * Resolves when a proxy has confirmed it and told the publishers; what a server is asked to publish after that arrives.
   */
  ready: Promise<void>
  /** How many publications were dropped here, oldest first, because they were not read; `history` has them. */
  readonly missed: number
  close(): void
}

type Reader = { stream: Stream<Data>; missed: number }
type Topic = { readers: Set<Reader>; recent: ReturnType<typeof createRecent> }

const NOTHING = Buffer.alloc(0)
/** Ids remembered per topic, to drop repeats. */
const RECENT_IDS = 10_000
/** Messages read ahead from each proxy, of up to 0.5 MiB; when the program is busy for long, it misses some. */
const READ_AHEAD = 1000
/** Without a confirmation, it is asked for again. */
const CONFIRM_AGAIN_MS = 1000
const CONFIRM_AGAIN_MAX_MS = 30_000

export type Subscriptions = { subscribe(topic: string): Subscription; close(): void }

export function createSubscriptions(urls: string[], clock: Clock, complain: Complain): Subscriptions {
  const topics = new Map<string, Topic>()
  const confirmations = new Map<string, () => void>()
  const me = randomBytes(8).toString('hex')
  let asked = 0
  let closed = false
  const socket = urls.length === 0 ? null : createSocket('sub', { receiveHighWaterMark: READ_AHEAD })
  for (const url of urls) socket?.connect(url)
  if (socket !== null) void readLoop(socket, receive)

  function receive(frames: Buffer[]): void {
    const name = frames[0]!.toString()
    const topic = topics.get(name)
    if (topic === undefined) {
      clock.merge(firstClock(frames[1] ?? NOTHING))
      confirmations.get(name)?.()
      return
    }
    if (frames.length !== 2) return
    // The message's; those of its maps are their events'. A repeat is received too.
    clock.merge(lastClock(frames[1]!, 'sent'))
    let body: unknown
    try {
      body = decode(frames[1]!)
    } catch (error) {
      complain('a publication could not be read', { topic: name, error: String(error) })
      return
    }
    const bytes = frames[1]!.length
    if (!Array.isArray(body)) deliver(topic, body, bytes)
    else for (const map of body) deliver(topic, map, bytes / body.length)
  }
  function deliver(topic: Topic, map: unknown, bytes: number): void {
    if (!isMap(map)) return
    if (typeof map.id === 'string' && topic.recent.seen(map.id)) return
    clock.merge(map.clock)
    for (const reader of topic.readers) {
      const dropped = reader.stream.push(map, bytes)
      reader.missed += dropped
      if (dropped > 0) complain('a subscription is read too slowly: its oldest publications are dropped', { dropped })
    }
  }

  /**
   * The proxy answers a subscription to a topic of this kind with a publication on it. It comes after the subscriptions
   * made before it on the same connection, so its arrival shows that those are there.
   */
  async function confirm(): Promise<void> {
    for (let wait = CONFIRM_AGAIN_MS; !closed; wait = Math.min(wait * 2, CONFIRM_AGAIN_MAX_MS)) {
      const name = `${WELCOME_TOPIC}/${me}.${++asked}`
      const confirmed = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), wait)
        confirmations.set(name, () => {
          clearTimeout(timer)
          resolve(true)
        })
        socket!.subscribe(name)
      })
      confirmations.delete(name)
      if (!closed) socket!.unsubscribe(name)
      if (confirmed) return
    }
  }

  const subscribe = (name: string): Subscription => {
    if (socket === null) throw new TypeError('subscribe needs a proxy: connect({ broker, proxy })')
    if (closed) throw new TypeError('the client is closed')
    const reader: Reader = { stream: createStream<Data>(), missed: 0 }
    let topic = topics.get(name)
    if (topic === undefined) {
      topic = { readers: new Set(), recent: createRecent(RECENT_IDS) }
      topics.set(name, topic)
      socket.subscribe(name)
    }
    const { readers } = topic
    readers.add(reader)
    const close = (): void => {
      reader.stream.end()
      if (!readers.delete(reader) || readers.size > 0 || closed) return
      topics.delete(name)
      socket.unsubscribe(name)
    }
    return {
      ready: confirm(),
      get missed() {
        return reader.missed
      },
      close,
      [Symbol.asyncIterator]: () => reader.stream.iterate(close),
    }
  }

  return {
    subscribe,
    close() {
      closed = true
      for (const { readers } of topics.values()) for (const { stream } of readers) stream.end()
      for (const release of confirmations.values()) release()
      socket?.close()
    },
  }
}
