/**
 * What is said in a channel or to a user, in order of position, for many readers: one subscription of the client library
 * each, whatever the number of readers, and the newest items kept for all of them. Who is further behind reads
 * pages of the history until it has caught up; see event-stream.ts.
 */
import type { Data, Subscription } from '../client/client.ts'
import { pause } from '../client/waiting.ts'
import { createKept, type Item } from './kept.ts'
import { toJson } from './to-json.ts'

/** Everything above a position, in order, each once. */
export type Open = (from: number) => Subscription

export type Feed = {
  /** From which position on it has everything; infinite until it has begun. */
  readonly base: number
  /** Resolves when it has begun; rejects with a CallError when there is no such channel or user. */
  begun: Promise<void>
  /** The first item above a position, or null when there is none yet. The position must not be below `base`. */
  next(after: number): Item | null
  /** Resolves when there is a newer item, or the signal ends the wait. */
  more(signal: AbortSignal): Promise<void>
  /** Ends the subscription. */
  close(): void
}

export type FeedOptions = {
  open: Open
  /** Finds the newest position; rejects when there is nothing to follow. */
  newest(signal: AbortSignal): Promise<number>
  /** Told why a subscription ended by itself; it is made again. */
  onFailure(error: unknown): void
}

/** Before a subscription that has ended by itself is made again. */
const AGAIN_MS = 1000

export function createFeed({ open, newest, onFailure }: FeedOptions): Feed {
  let kept = createKept(Number.POSITIVE_INFINITY)
  let subscription: Subscription | null = null
  const closed = new AbortController()
  const waiting = new Set<() => void>()

  const begin = async (): Promise<void> => {
    const from = await newest(closed.signal)
    kept = createKept(from)
    void follow(from)
  }
  const follow = async (from: number): Promise<void> => {
    for (let position = from; !closed.signal.aborted; await pause(AGAIN_MS, closed.signal)) {
      try {
        subscription = open(position)
        for await (const map of subscription) {
          const item = itemOf(map)
          position = item.n
          kept.add(item)
          for (const wake of waiting) wake()
        }
      } catch (error) {
        onFailure(error)
      }
    }
  }
  const begun = begin()
  // Whoever waits for it hears of it.
  begun.catch(() => {})
  return {
    get base() {
      return kept.base
    },
    begun,
    next: (after) => kept.next(after),
    more: (signal) => waitIn(waiting, signal),
    close() {
      closed.abort()
      subscription?.close()
    },
  }
}

/** Waits among others to be woken, or until the signal. */
function waitIn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      waiting.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    waiting.add(wake)
    signal.addEventListener('abort', wake)
    if (signal.aborted) wake()
  })
}

/** A server-sent event: `id` is the position, so that `Last-Event-ID` is where to go on. */
export function itemOf(map: Data): Item {
  const n = Number(map.n)
  return { n, text: `id: ${n}\ndata: ${toJson(map)}\n\n` }
}

export type Feeds = {
  /** The feed of a channel or user, begun for its first reader. */
  join(key: string, options: FeedOptions): Feed
  /** Its last reader ends it. */
  leave(key: string): void
}

/** The feeds that are read now, each by everybody who reads it. */
export function createFeeds(): Feeds {
  const feeds = new Map<string, { feed: Feed; readers: number }>()
  return {
    join(key, options) {
      const shared = feeds.get(key) ?? { feed: createFeed(options), readers: 0 }
      feeds.set(key, shared)
      shared.readers++
      return shared.feed
    },
    leave(key) {
      const shared = feeds.get(key)!
      if (--shared.readers > 0) return
      feeds.delete(key)
      shared.feed.close()
    },
  }
}
