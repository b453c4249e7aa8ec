/**
 * Subscriptions with `from`: everything behind a position, in order, each once, without a gap, for ever.
 *
 * What is read is `history`, page by page behind the last position. Pages come from the public files, which on every
 * server are prefixes of one order; so whichever server answers, and also when it answers `stale`, a page goes on exactly
 * where the one before ended. Live publications only say that there is something to read: a read is exact, and the
 * client's clock has seen the publication, so a read that is made after one was heard contains it. What is not heard,
 * because a proxy is away or drops for a slow reader, a poll finds.
 *
 * The reader sets the pace: a page is asked for when the one before has been read, so one page is all that ever waits.
 */
import type { Complain } from '../platform/socket-complaints.ts'
import type { Data } from '../protocol/envelope.ts'
import { CallError } from './error.ts'
import { type Item, type Page, question, readPage, toPublished, topicOf } from './pages.ts'
import type { OfUser, Subscription } from './types.ts'
import { createBell, pause } from './waiting.ts'

export type OrderedContext = {
  /** One call of `history`. */
  ask(data: Data, signal: AbortSignal): Promise<Data>
  /** Listens to a topic until the signal: tells of each publication, and once when none is missed from then on. */
  listen(topic: string, signal: AbortSignal, heard: () => void): void
  complain: Complain
}

/** For a page: longer than for other calls, because nobody waits for this one but the next. */
export const HISTORY_DEADLINE_MS = 30_000
/** Between two reads at the end, so that a busy channel is read in pages and not by the message. */
const GATHER_MS = 20
/** Between polls: twice as long after each that finds nothing. */
const SOONEST_POLL_MS = 250
const LATEST_POLL_MS = 4000
/** After a read that failed, though a call has tried for as long as its deadline. */
const RETRY_MS = 1000

/**
 * @param from a position, or 'last': what comes after the newest that there is now
 * @param ended ends it, and is aborted when it ends by itself
 */
export function subscribeOrdered(
  context: OrderedContext,
  of: string | OfUser,
  from: number | 'last',
  ended: AbortController,
): Subscription<Item> {
  const close = (): void => ended.abort()
  const first = from === 'last' ? readNewest(context, of, ended.signal) : read(context, of, from, ended.signal)
  // Whoever reads is told of a failure; until then nothing goes on behind it.
  first.catch(close)
  const ready = first.then(
    () => {},
    (error) => {
      if (error !== ended.signal.reason) throw error
    },
  )
  ready.catch(() => {})
  const items = follow(context, of, first, ended)
  return {
    ready,
    missed: 0,
    close,
    [Symbol.asyncIterator]: () => ({
      next: () => items.next(),
      return() {
        close()
        return items.return()
      },
    }),
  }
}

/** Items from the first page on. Ends when `ended` is aborted, and aborts it when it ends. */
async function* follow(
  context: OrderedContext,
  of: string | OfUser,
  first: Promise<Page>,
  ended: AbortController,
): AsyncGenerator<Item, void, void> {
  const { signal } = ended
  const bell = createBell(signal)
  context.listen(topicOf(of), signal, bell.ring)
  let pollMs = SOONEST_POLL_MS
  let polled = false
  let readAt = performance.now()
  try {
    let page = await first
    for (;;) {
      for (const item of page.items) {
        const published = toPublished(of, item)
        if (published !== null) yield published
        signal.throwIfAborted()
      }
      if (!page.more) {
        // What only a poll found was not heard: a proxy is away, and the next poll must not be late.
        if (page.stale || (polled && page.items.length > 0)) pollMs = SOONEST_POLL_MS
        else if (polled) pollMs = Math.min(2 * pollMs, LATEST_POLL_MS)
        polled = !(await bell.wait(pollMs * (0.75 + Math.random() / 2)))
        await pause(Math.max(0, readAt + GATHER_MS - performance.now()), signal)
      }
      bell.hush()
      readAt = performance.now()
      page = await read(context, of, page.upTo, signal)
    }
  } catch (error) {
    if (error !== signal.reason) throw error
  } finally {
    ended.abort()
  }
}

/** The page behind a position, however often that must be asked for. @throws what refuses it for good */
export async function read(
  context: Pick<OrderedContext, 'ask' | 'complain'>,
  of: string | OfUser,
  after: number | null,
  signal: AbortSignal,
): Promise<Page> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return readPage(await context.ask(question(of, after), signal), after)
    } catch (error) {
      if (!(error instanceof CallError && error.retriable)) throw error
      context.complain('the history is not answered, trying again', {
        code: error.code,
        description: error.description,
      })
      await pause(RETRY_MS, signal)
    }
  }
}

/** An empty page that ends at the newest position there is. Only an exact answer knows it. */
async function readNewest(context: OrderedContext, of: string | OfUser, signal: AbortSignal): Promise<Page> {
  for (;;) {
    const page = await read(context, of, null, signal)
    if (!page.stale) return { ...page, items: [] }
    await pause(SOONEST_POLL_MS, signal)
  }
}
