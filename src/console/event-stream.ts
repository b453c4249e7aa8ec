/**
 * One reader of a feed: writes what comes after its position, in order, each once, and never more than it takes. While it
 * does not take anything nothing is held for it but what its socket has.
 */
import { pause } from '../client/waiting.ts'
import { isDoneWithin } from './done-within.ts'
import { type Feed, itemOf, type Open } from './feeds.ts'

/** Where events go: a response, or what a test has for one. */
export type Sink = {
  /** @returns whether it will take more at once */
  write(text: string): boolean
  /** Resolves when it takes more, or the signal ends the wait. */
  drained(signal: AbortSignal): Promise<void>
}

/** How long a page of history is kept for a reader that does not take it. */
const PATIENCE_MS = 1000
/** A catch-up that ended without reason begins again after this. */
const PAUSE_MS = 100

/** Streams everything above a position until the signal. @param open for who is behind */
export async function streamEvents(
  feed: Feed,
  open: Open,
  from: number,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  let position = from
  while (!signal.aborted) {
    if (position < feed.base) {
      const reached = await catchUp(feed, open, position, sink, signal)
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

/** Reads on its own until the feed has what comes next, or the reader has taken nothing for a while. */
async function catchUp(feed: Feed, open: Open, from: number, sink: Sink, signal: AbortSignal): Promise<number> {
  let position = from
  const own = open(position)
  const end = (): void => own.close()
  signal.addEventListener('abort', end)
  let blocked: Promise<unknown> | null = null
  try {
    for await (const map of own) {
      const item = itemOf(map)
      if (signal.aborted || item.n <= position) break
      position = item.n
      if (!sink.write(item.text)) {
        blocked = sink.drained(signal)
        if (!(await isDoneWithin(blocked, PATIENCE_MS))) break
        blocked = null
      }
      if (position >= feed.base) break
    }
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
  await blocked
  return position
}
