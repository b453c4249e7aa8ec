/**
 * What is said in a channel or to a user, in order of position, for many readers: one subscription of the client library
 * each, whatever the number of readers, and the newest items kept for all of them. Who is further behind reads by a
 * subscription of its own until it has caught up; see event-stream.ts.
 */
import type { Data, Subscription } from '../client/client.ts'
import { pause } from './pause.ts'
import { toJson } from './to-json.ts'

/** One event of a stream: its position, and the text that is sent. */
export type Item = { n: number; text: string }

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

/** Kept for readers that are a little behind. */
const KEPT_ITEMS = 1000
const KEPT_CHARACTERS = 256 << 10
/** Before a subscription that has ended by itself is made again. */
const AGAIN_MS = 1000

/**
 * @param newest finds the newest position; rejects when there is nothing to follow
 * @param onFailure told why a subscription ended by itself
 */
export function createFeed(
  open: Open,
  newest: (signal: AbortSignal) => Promise<number>,
  onFailure: (error: unknown) => void,
): Feed {
  let items: Item[] = []
  let held = 0
  let base = Number.POSITIVE_INFINITY
  let subscription: Subscription | null = null
  const closed = new AbortController()
  const waiting = new Set<() => void>()

  const add = (item: Item): void => {
    items.push(item)
    held += item.text.length
    while (items.length > 1 && (items.length > KEPT_ITEMS || held > KEPT_CHARACTERS)) {
      const oldest = items.shift()!
      held -= oldest.text.length
      base = oldest.n
    }
    for (const wake of waiting) wake()
  }
  const begin = async (): Promise<void> => {
    base = await newest(closed.signal)
    void read(base)
  }
  const read = async (from: number): Promise<void> => {
    for (let position = from; !closed.signal.aborted; await pause(AGAIN_MS, closed.signal)) {
      subscription = open(position)
      try {
        for await (const map of subscription) {
          const item = itemOf(map)
          position = item.n
          add(item)
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
      return base
    },
    begun,
    next(after) {
      if (items.length === 0 || items.at(-1)!.n <= after) return null
      return items[firstAbove(items, after)]!
    },
    more: (signal) =>
      new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal.addEventListener('abort', wake)
        if (signal.aborted) wake()
      }),
    close() {
      closed.abort()
      subscription?.close()
      items = []
    },
  }
}

/** A server-sent event: `id` is the position, so that `Last-Event-ID` is where to go on. */
export function itemOf(map: Data): Item {
  const n = Number(map.n)
  return { n, text: `id: ${n}\ndata: ${toJson(map)}\n\n` }
}

function firstAbove(items: readonly Item[], after: number): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (items[middle]!.n > after) high = middle
    else low = middle + 1
  }
  return low
}
