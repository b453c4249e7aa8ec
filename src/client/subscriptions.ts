/**
 * Subscriptions through the proxies. ZeroMQ subscribes by prefix, so topics are compared as a whole here; with several
 * proxies, or after a retry, a publication may come twice, so repeats are dropped by id.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../core/lamport.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import { WELCOME_TOPIC } from '../platform/socket-welcome.ts'
import { createSocket, readLoop } from '../platform/sockets.ts'
import { firstClock, lastClock } from '../protocol/carried.ts'
import { decode } from '../protocol/codec.ts'
import { type Data, isMap } from '../protocol/envelope.ts'
import { createRecent } from './recent.ts'
import { createStream } from './stream.ts'
import type { Subscription } from './types.ts'
import { onAbort, pause } from './waiting.ts'

/** Takes what is published on a topic. @param bytes what it takes, roughly */
type Reader = (map: Data, bytes: number) => void
type Topic = { readers: Set<Reader>; recent: ReturnType<typeof createRecent> }

/** Ids remembered per topic, to drop repeats. */
const RECENT_IDS = 10_000
/** Messages read ahead from each proxy, of up to 0.5 MiB; when the program is busy for long, it misses some. */
const READ_AHEAD = 1000
/** Without a confirmation, it is asked for again. */
const CONFIRM_AGAIN_MS = 1000
const CONFIRM_AGAIN_MAX_MS = 30_000

export type Subscriptions = {
  /**
   * What is published on a topic from now on.
   * @param ended ends it, and is aborted when the reader leaves
   * @param wanted what of it; all when it is left out
   */
  subscribe(topic: string, ended: AbortController, wanted?: (map: Data) => boolean): Subscription
  /** Calls back for each publication until the signal, and once when none is missed from then on. */
  listen(topic: string, signal: AbortSignal, heard: () => void): void
  close(): void
}

export function createSubscriptions(
  urls: string[],
  clock: Clock,
  complain: Complain,
  messages: MessageLog | null,
): Subscriptions {
  const topics = new Map<string, Topic>()
  const confirmations = new Map<string, () => void>()
  const me = randomBytes(8).toString('hex')
  let asked = 0
  const socket = urls.length === 0 ? null : createSocket('sub', { receiveHighWaterMark: READ_AHEAD })
  for (const url of urls) socket?.connect(url)
  if (socket !== null) void readLoop(socket, receive)

  function receive(frames: Buffer[]): void {
    const name = frames[0]!.toString()
    const topic = topics.get(name)
    if (frames.length === 2) hear(name, frames[1]!)
    if (topic === undefined) {
      confirmations.get(name)?.()
      return
    }
    if (frames.length !== 2) return
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
  /** The clock of the message; those of its maps are their events'. A repeat is received too. */
  function hear(name: string, body: Buffer): void {
    const sent = lastClock(body, 'sent')
    const carried = sent ?? firstClock(body)
    clock.merge(carried)
    const isOurs = sent !== null || name.startsWith(WELCOME_TOPIC)
    messages?.received(isOurs ? 'proxy>client' : 'publisher>client', body, carried, clock.now)
  }
  function deliver(topic: Topic, map: unknown, bytes: number): void {
    if (!isMap(map)) return
    if (typeof map.id === 'string' && topic.recent.seen(map.id)) return
    clock.merge(map.clock)
    for (const reader of topic.readers) reader(map, bytes)
  }

  /**
   * The proxy answers a subscription to a topic of this kind with a publication on it. It comes after the subscriptions
   * made before it on the same connection, so its arrival shows that those are there.
   */
  async function confirm(signal: AbortSignal): Promise<void> {
    for (let wait = CONFIRM_AGAIN_MS; !signal.aborted; wait = Math.min(wait * 2, CONFIRM_AGAIN_MAX_MS)) {
      const name = `${WELCOME_TOPIC}/${me}.${++asked}`
      let confirmed = false
      await pause(wait, signal, (release) => {
        confirmations.set(name, () => {
          confirmed = true
          release()
        })
        socket!.subscribe(name)
      })
      confirmations.delete(name)
      if (!socket!.closed) socket!.unsubscribe(name)
      if (confirmed) return
    }
  }

  /** Adds a reader to a topic, until the signal. @returns resolves when it is confirmed, or over */
  function add(name: string, reader: Reader, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    const topic = topics.get(name) ?? { readers: new Set(), recent: createRecent(RECENT_IDS) }
    if (topic.readers.size === 0) {
      topics.set(name, topic)
      socket!.subscribe(name)
    }
    topic.readers.add(reader)
    onAbort(signal, () => {
      topic.readers.delete(reader)
      if (topic.readers.size > 0) return
      topics.delete(name)
      if (!socket!.closed) socket!.unsubscribe(name)
    })
    return confirm(signal)
  }

  return {
    subscribe(name, ended, wanted) {
      const stream = createStream<Data>()
      let missed = 0
      onAbort(ended.signal, stream.end)
      const read: Reader = (map, bytes) => {
        if (wanted !== undefined && !wanted(map)) return
        const dropped = stream.push(map, bytes)
        missed += dropped
        if (dropped > 0) complain('a subscription is read too slowly: its oldest publications are dropped', { dropped })
      }
      const close = (): void => ended.abort()
      return {
        ready: add(name, read, ended.signal),
        get missed() {
          return missed
        },
        close,
        [Symbol.asyncIterator]: () => stream.iterate(close),
      }
    },
    listen(name, signal, heard) {
      void add(name, heard, signal).then(heard)
    },
    close: () => socket?.close(),
  }
}
