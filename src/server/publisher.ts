/**
 * What this server publishes: to its peers, who subscribe here directly, and through the proxies to everybody else.
 * An XPUB sees the subscriptions, so what nobody subscribed to is not even encoded.
 */
import type { Clock } from '../core/lamport.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import { bindSocket, createSocket, createWriter, readLoop } from '../platform/sockets.ts'
import { lastClock, setLastClock, WIDE } from '../protocol/carried.ts'
import { encode } from '../protocol/codec.ts'
import type { Data } from '../protocol/envelope.ts'
import { LIMITS } from '../protocol/limits.ts'

/** Bytes of a subscription's frame: 1 or 0 and a topic. */
const LONGEST_SUBSCRIPTION = 512
const MOST_SUBSCRIPTIONS = 200_000
const MOST_REMEMBERED = 10_000
/** Longest frame that anybody may send here: a subscription, or a handshake with the longest identity. */
const LONGEST_FRAME = 1024
/** Messages that wait for a peer that reads slowly, of up to 0.5 MiB; beyond that it misses some and fetches them. */
const QUEUE = 500
const LINGER_MS = 500
/** Subscribers of the course know no arrays, so few publications, at the rates that people make, go out one by one. */
const ARRAY_FROM = 8
/** What maps and headers may add to the maps of a message, roughly. */
const BATCH_BYTES = LIMITS.frameBytes / 2

export type Publisher = {
  /** The endpoint that was bound. */
  readonly endpoint: string
  /** Whether anybody subscribed to a topic, or to the beginning of it. */
  wanted(topic: string): boolean
  publish(topic: string, body: Uint8Array): void
  /** Gathers a map for a topic until `flush`. */
  gather(topic: string, map: Data): void
  flush(): void
  close(): void
}

export async function createPublisher(
  url: string,
  proxyUrls: readonly string[],
  complain: Complain,
  clock: Clock,
  messages: MessageLog | null,
): Promise<Publisher> {
  const socket = createSocket('xpub', { sendHighWaterMark: QUEUE, maxMessageSize: LONGEST_FRAME, linger: LINGER_MS })
  const writer = createWriter(socket)
  const wanted = trackSubscriptions(socket, complain)
  const gathered = new Map<string, Data[]>()
  const endpoint = await bindSocket(socket, url)
  for (const proxy of proxyUrls) socket.connect(proxy)
  const publish = (topic: string, body: Uint8Array): void => {
    if (!writer.send([topic, body])) complain('publications are dropped: the socket does not take them')
  }
  return {
    endpoint,
    wanted,
    publish,
    gather(topic, map) {
      if (!wanted(topic)) return
      const maps = gathered.get(topic)
      if (maps === undefined) gathered.set(topic, [map])
      else maps.push(map)
    },
    flush() {
      if (gathered.size === 0) return
      for (const [topic, maps] of gathered)
        for (const body of encodeMaps(maps, clock.tick)) {
          messages?.sent('server>proxy', body, lastClock(body, 'sent')!)
          publish(topic, body)
        }
      gathered.clear()
    },
    close() {
      writer.close()
      socket.close()
    },
  }
}

/**
 * The bodies of a topic's maps: one each while they are few, or arrays of many, each within the frame limit. A map's `clock`
 * is its event's; the Lamport time of the message stands at its end, as `sent` of the last map.
 */
export function encodeMaps(maps: readonly Data[], nextClock: () => number): Buffer[] {
  if (maps.length >= ARRAY_FROM) return encodeArrays(maps, nextClock)
  return maps.map((map) => sealed(encode({ ...map, sent: WIDE }), nextClock))
}

function encodeArrays(maps: readonly Data[], nextClock: () => number): Buffer[] {
  const last = { ...maps.at(-1)!, sent: WIDE }
  const body = encode(maps.length === 1 ? last : [...maps.slice(0, -1), last])
  if (body.length <= BATCH_BYTES || maps.length === 1) return [sealed(body, nextClock)]
  const half = maps.length >> 1
  return [...encodeArrays(maps.slice(0, half), nextClock), ...encodeArrays(maps.slice(half), nextClock)]
}

function sealed(bytes: Uint8Array, nextClock: () => number): Buffer {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  setLastClock(body, 'sent', nextClock())
  return body
}

/** Follows who subscribes to what; ZeroMQ subscribes by prefix. */
function trackSubscriptions(
  socket: ReturnType<typeof createSocket<'xpub'>>,
  complain: Complain,
): (topic: string) => boolean {
  const prefixes = new Set<string>()
  const lengths = new Map<number, number>()
  const remembered = new Map<string, boolean>()
  const count = (length: number, by: number): void => {
    const now = (lengths.get(length) ?? 0) + by
    if (now === 0) lengths.delete(length)
    else lengths.set(length, now)
  }
  const take = (frame: Buffer): void => {
    if (frame.length === 0 || frame.length > LONGEST_SUBSCRIPTION || frame[0]! > 1) return
    const prefix = frame.toString('latin1', 1)
    if (frame[0] === 1) {
      if (prefixes.size >= MOST_SUBSCRIPTIONS) return complain('too many subscriptions: one gets nothing')
      if (!prefixes.has(prefix)) count(prefix.length, 1)
      prefixes.add(prefix)
    } else if (prefixes.delete(prefix)) count(prefix.length, -1)
    remembered.clear()
  }
  void readLoop(socket, (frames) => take(frames[0]!))
  return (topic) => {
    const before = remembered.get(topic)
    if (before !== undefined) return before
    const bytes = Buffer.from(topic).toString('latin1')
    let found = false
    for (const length of lengths.keys())
      if (prefixes.has(bytes.slice(0, length)) && length <= bytes.length) found = true
    if (remembered.size >= MOST_REMEMBERED) remembered.clear()
    remembered.set(topic, found)
    return found
  }
}
