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

export const sortedNames = (names: ReadonlyMap<string, number>): string[] => [...names.keys()].sort()

const sortedEntries = (map: ReadonlyMap<string, number>): [string, number][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1))
