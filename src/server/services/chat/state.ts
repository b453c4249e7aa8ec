/** Who and what exists in the chat, as it stands at a position: folded from `logins.jsonl` and `channels.jsonl`. */
import { z } from 'zod'
import type { Data } from '../../../protocol/envelope.ts'

export type ChatState = {
  /** Name → time of the last login, ms. */
  users: Map<string, number>
  /** Name → time of creation, ms. */
  channels: Map<string, number>
}

export const createChat = (): ChatState => ({ users: new Map(), channels: new Map() })

/** Canonical: sorted by name, so that equal states give equal text. */
export const snapshotChat = (state: ChatState): Data => ({
  users: sortedEntries(state.users),
  channels: sortedEntries(state.channels),
})

const snapshotSchema = z.object({
  users: z.array(z.tuple([z.string(), z.number()])),
  channels: z.array(z.tuple([z.string(), z.number()])),
})

/** @throws when the value is not a snapshot */
export function restoreChat(value: unknown): ChatState {
  const { users, channels } = snapshotSchema.parse(value)
  return { users: new Map(users), channels: new Map(channels) }
}

const sorted = new WeakMap<ReadonlyMap<string, number>, readonly string[]>()

/** All names, sorted. Names only ever come, so as long as there are as many they are the same, and are sorted once. */
export function sortedNames(names: ReadonlyMap<string, number>): readonly string[] {
  const before = sorted.get(names)
  if (before !== undefined && before.length === names.size) return before
  const now = [...names.keys()].sort()
  sorted.set(names, now)
  return now
}

const sortedEntries = (map: ReadonlyMap<string, number>): [string, number][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1))
