import { readService } from '../../../protocol/service.ts'
import { ofUser } from './fields.ts'
import { type MusicState, type Playlist, sorted } from './state.ts'

/** The names of a user's playlists, sorted, and how many tracks each has; nobody has to exist to have none. */
export const listPlaylists = readService({
  name: 'playlist.list',
  summary: 'The playlists of a user, and how many tracks each has.',
  schema: ofUser,
  read({ user }, state: MusicState) {
    const lists = state.playlists.get(user) ?? new Map<string, Playlist>()
    const playlists = sorted(lists).map(([name, { created, tracks }]) => ({ name, created, tracks: tracks.size }))
    return { data: { playlists } }
  },
})
