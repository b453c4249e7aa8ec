/**
 * Questions about public files, a few at a time: each takes half a megabyte and some milliseconds of the event loop, and
 * one client can ask for thousands. Those that wait are only their words; whoever waits too long, or comes when too many
 * wait, is told to try again. Answers are kept encoded until their replies leave, and while those that wait to leave are
 * large, no more questions are looked up.
 */
import { encode } from '../protocol/codec.ts'
import type { Data } from '../protocol/envelope.ts'
import type { Query } from '../protocol/service.ts'

/** An answer, encoded; `release` is to be called once when it has been copied into a reply, or is not wanted. */
export type Found = { bytes: Uint8Array; stale: boolean; release(): void }

export type Lookups = {
  /** @returns what was found, or null when there are too many questions; rejects when the files cannot be read */
  ask(query: Query, upTo: number): Promise<Found | null>
}

const AT_ONCE = 4
const MOST_WAITING = 1000
/** Less than a client's patience, which asks somebody else then. */
const PATIENCE_MS = 2000
/** Bytes of answers that have not left. */
const MOST_BYTES = 16 << 20

type Waiting = { start(): void; giveUp(): void; since: number }

/** @param look finds an answer, and whether it may lack the newest lines  @param now milliseconds, monotonic */
export function createLookups(
  look: (query: Query, upTo: number) => Promise<Data & { stale?: boolean }>,
  now: () => number = () => performance.now(),
): Lookups {
  const waiting: Waiting[] = []
  let running = 0
  let held = 0

  const isOpen = (): boolean => running < AT_ONCE && held < MOST_BYTES
  const next = (): void => {
    while (isOpen() && waiting.length > 0) {
      const first = waiting.shift()!
      if (now() - first.since > PATIENCE_MS) first.giveUp()
      else first.start()
    }
  }
  const run = async (query: Query, upTo: number): Promise<Found> => {
    running++
    try {
      const { stale = false, ...data } = await look(query, upTo)
      const bytes = encode(data)
      held += bytes.length
      const release = (): void => {
        held -= bytes.length
        next()
      }
      return { bytes, stale, release }
    } finally {
      running--
      next()
    }
  }
  return {
    ask(query, upTo) {
      if (isOpen() && waiting.length === 0) return run(query, upTo)
      if (waiting.length >= MOST_WAITING) return Promise.resolve(null)
      return new Promise((resolve) => {
        const start = (): void => resolve(run(query, upTo))
        waiting.push({ start, giveUp: () => resolve(null), since: now() })
      })
    },
  }
}
