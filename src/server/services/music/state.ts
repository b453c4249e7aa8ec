/**
 * Playlists, profiles and how often each track was played, as they stand at a position: folded from `playlists.jsonl`,
 * `profiles.jsonl` and `plays.jsonl`. What a user can have is bounded (limits.ts of the protocol), and what is counted are
 * the tracks of the catalogue; so the state grows with the number of users, as that of the chat does, and not with plays.
 */
import { z } from 'zod'
import type { Data } from '../../../protocol/envelope.ts'

export type Playlist = {
  /** Time of creation, ms. */
  created: number
  /** Ids, in the order they were added; none twice. */
  tracks: Set<string>
}

export type Profile = { about: string | null; city: string | null; genre: string | null; updated: number }

export type MusicState = {
  /** User → name → playlist. */
  playlists: Map<string, Map<string, Playlist>>
  profiles: Map<string, Profile>
  /** Track → how often it was played. */
  plays: Map<string, number>
}

export const createMusic = (): MusicState => ({ playlists: new Map(), profiles: new Map(), plays: new Map() })

/** Canonical: sorted by name, so that equal states give equal text. */
export const snapshotMusic = (state: MusicState): Data => ({
  playlists: sorted(state.playlists).map(([user, lists]) => [
    user,
    sorted(lists).map(([name, { created, tracks }]) => [name, created, [...tracks]]),
  ]),
  profiles: sorted(state.profiles),
  plays: sorted(state.plays),
})

const text = z.string()
const snapshotSchema = z.object({
  playlists: z.array(z.tuple([text, z.array(z.tuple([text, z.number(), z.array(text)]))])),
  profiles: z.array(
    z.tuple([
      text,
      z.strictObject({ about: text.nullable(), city: text.nullable(), genre: text.nullable(), updated: z.number() }),
    ]),
  ),
  plays: z.array(z.tuple([text, z.number()])),
})

/** @throws when the value is not a snapshot, one from before there was music for instance */
export function restoreMusic(value: unknown): MusicState {
  const { playlists, profiles, plays } = snapshotSchema.parse(value)
  const listsOf = (lists: (typeof playlists)[number][1]): Map<string, Playlist> =>
    new Map(lists.map(([name, created, tracks]) => [name, { created, tracks: new Set(tracks) }]))
  return {
    playlists: new Map(playlists.map(([user, lists]) => [user, listsOf(lists)])),
    profiles: new Map(profiles),
    plays: new Map(plays),
  }
}

export const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
