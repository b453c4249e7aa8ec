/**
 * One reader of a feed: writes what comes after its position, in order, each once, and never more than it takes. While it
 * does not take anything nothing is held for it but what its socket has.
 *
 * Who is further behind than the feed reads pages of the history until it has caught up. A page is half a megabyte, and
 * hundreds may be behind and take nothing, so one is read and held only in a turn, of which there are few, and for a
 * second at most: what is left of it then is read again when the reader has taken what it has.
 */
import type { Page } from '../client/pages.ts'
import { pause } from '../client/waiting.ts'
import { isDoneWithin } from './done-within.ts'
import { type Feed, itemOf } from './feeds.ts'
import type { Turns } from './turns.ts'

/** Where events come from. */
export type Source = {
  feed: Feed
  /** The page behind a position. */
  read(after: number, signal: AbortSignal): Promise<Page>
  /** Shared by all who are behind. */
  turns: Turns
}

/** Where events go: a response, or what a test has for one. */
export type Sink = {
  /** @returns whether it will take more at once */
  write(text: string): boolean
  /** Resolves when it takes more, at once if it does; or the signal ends the wait. */
  drained(signal: AbortSignal): Promise<void>
}

/** How long a page is held for a reader that does not take it. */
const PATIENCE_MS = 1000
/** Before another page is asked for when one brought nothing, because whoever answered was behind too. */
const PAUSE_MS = 100

/** Streams everything above a position until the signal. @throws {CallError} when the history is refused for good */
export async function streamEvents(source: Source, from: number, sink: Sink, signal: AbortSignal): Promise<void> {
  const { feed } = source
  let position = from
  while (!signal.aborted) {
    if (position < feed.base) {
      const reached = await catchUp(source, position, sink, signal)
      await sink.drained(signal)
      if (reached === position) await pause(PAUSE_MS, signal)
      position = reached
      continue
    }
    const item = feed.next(position)
    if (item === null) await feed.more(signal)
    else {
      position = item.n
      if (!sink.write(item.text)) await sink.drained(signal)
    }
  }
}

/** A page further, when it is this reader's turn. @returns how far it got; no further when the signal ended it */
async function catchUp(source: Source, from: number, sink: Sink, signal: AbortSignal): Promise<number> {
  try {
    return await source.turns.take(async () => sendPage(await source.read(from, signal), sink, signal), signal)
  } catch (error) {
    if (error === signal.reason) return from
    throw error
  }
}

/** Sends what the reader takes of a page while it is held. @returns how far it got */
async function sendPage({ items, upTo }: Page, sink: Sink, signal: AbortSignal): Promise<number> {
  const heldUntil = performance.now() + PATIENCE_MS
  for (const map of items) {
    const { n, text } = itemOf(map)
    if (sink.write(text)) continue
    const isTaken = await isDoneWithin(sink.drained(signal), Math.max(0, heldUntil - performance.now()))
    if (!isTaken || signal.aborted) return n
  }
  return upTo
}
