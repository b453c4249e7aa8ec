/** `history` as an ordered subscription reads it: what to ask, and its items with the fields that live publications have. */
import { type Data, isMap } from '../protocol/envelope.ts'
import { LIMITS } from '../protocol/limits.ts'
import { CallError } from './error.ts'
import type { OfUser } from './types.ts'

export type Item = Data & { n: number }

export type Page = {
  /** In order of position. */
  items: Item[]
  /** Everything up to here is in this page or before it; this is where to go on. */
  upTo: number
  /** There is more already. */
  more: boolean
  /** There may be more that whoever answered does not know. What it has is without a gap all the same. */
  stale: boolean
}

/** What of the history: all of a channel, or of a user's direct messages. @param after a position, or null for the newest */
export const question = (of: string | OfUser, after: number | null): Data => ({
  ...(typeof of === 'string' ? { channel: of } : { user: of.user }),
  ...(after === null ? { limit: 1 } : { after, limit: LIMITS.historyItems }),
})

/** The topic on which whoever is live hears of it. */
export const topicOf = (of: string | OfUser): string => (typeof of === 'string' ? of : of.user)

/**
 * Reads a reply to a question.
 * @param after what was asked for, null for the newest; what is not behind it is left out
 * @throws {CallError} when the reply has not the form of `history`: whoever made it is no server of ours
 */
export function readPage(reply: Data, after: number | null): Page {
  const { items, next, position, stale } = reply
  if (!Array.isArray(items) || !items.every(isItem) || !(next === null || isPosition(next)))
    throw new CallError('internal', 'the reply is no page of the history', false)
  const begin = after ?? 0
  const behind = items.filter(({ n }, i) => n > begin && (i === 0 || n > items[i - 1]!.n))
  // The newest have older ones before them, and nothing behind.
  const more = after === null ? null : next
  return {
    items: behind,
    upTo: Math.max(begin, behind.at(-1)?.n ?? 0, more ?? (isPosition(position) ? position : 0)),
    more: more !== null,
    stale: stale === true,
  }
}

/** As a live publication, with its position; null when it is not for whoever subscribed: a user's own direct messages. */
export function toPublished(of: string | OfUser, item: Item): Item | null {
  if (typeof of === 'string') return { type: 'publication', ...item }
  const { src, dst } = item
  return dst === of.user ? { type: 'message', ...item, from: src, to: dst, user: src } : null
}

const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isItem = (value: unknown): value is Item => isMap(value) && isPosition(value.n)

/** Whether a live publication on a user's topic is for the user, and not for a channel of the same name. */
export const isDirectMessage = (map: Data): boolean =>
  map.type === 'message' &&
  typeof map.src === 'string' &&
  typeof map.dst === 'string' &&
  typeof map.message === 'string'
