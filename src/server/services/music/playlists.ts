/**
 * What is done to playlists: four services, one file `playlists.jsonl`, one `apply`. `refusalOf` decides, before an event
 * is made and again in its place in the order; only the latter counts, so two servers never both say yes.
 */
import { type ErrorCode, quote, refuse } from '../../../protocol/errors.ts'
import { LIMITS } from '../../../protocol/limits.ts'
import type { AppliedEvent, Prepared } from '../../../protocol/service.ts'
import type { MusicState, Playlist } from './state.ts'

type Named = { user: string; name: string }
export type PlaylistBody =
  | ({ operation: 'create' } & Named)
  | ({ operation: 'delete' } & Named)
  | ({ operation: 'add'; track: string } & Named)
  | ({ operation: 'remove'; track: string } & Named)

/** Makes the event, or refuses it from the state as it is. */
export function preparePlaylist<Body extends PlaylistBody>(body: Body, state: MusicState): { body: Body } | Refused {
  const code = refusalOf(body, state)
  return code === null ? { body } : { refusal: refuse(code, describePlaylist(code, body)) }
}
type Refused = Exclude<Prepared, { body: unknown }>

/** Why an operation has no effect on a state, or null. */
function refusalOf(body: PlaylistBody, { playlists }: MusicState): ErrorCode | null {
  const lists = playlists.get(body.user)
  const list = lists?.get(body.name)
  if (body.operation === 'create') {
    if (list !== undefined) return 'already_exists'
    return (lists?.size ?? 0) >= LIMITS.playlistsOfUser ? 'too_large' : null
  }
  if (list === undefined) return 'not_found'
  switch (body.operation) {
    case 'delete':
      return null
    case 'remove':
      return list.tracks.has(body.track) ? null : 'not_found'
    case 'add':
      if (list.tracks.has(body.track)) return 'already_exists'
      return list.tracks.size >= LIMITS.playlistTracks ? 'too_large' : null
  }
}

export function applyPlaylist({ body, time }: AppliedEvent<PlaylistBody>, state: MusicState): ErrorCode | null {
  const code = refusalOf(body, state)
  if (code !== null) return code
  const lists: Map<string, Playlist> = state.playlists.get(body.user) ?? new Map()
  const tracks = lists.get(body.name)?.tracks
  if (body.operation === 'create') lists.set(body.name, { created: time, tracks: new Set() })
  else if (body.operation === 'delete') lists.delete(body.name)
  else if (body.operation === 'add') tracks?.add(body.track)
  else tracks?.delete(body.track)
  if (lists.size > 0) state.playlists.set(body.user, lists)
  else state.playlists.delete(body.user)
  return null
}

/** Why, in words, from the request alone. */
export function describePlaylist(code: ErrorCode, body: PlaylistBody): string {
  const playlist = `playlist ${quote(body.name)} of ${quote(body.user)}`
  switch (body.operation) {
    case 'create':
      if (code === 'already_exists') return `${playlist} exists already`
      return `${quote(body.user)} has ${LIMITS.playlistsOfUser} playlists, the most there may be`
    case 'delete':
      return `there is no ${playlist}`
    case 'remove':
      return `there is no ${playlist} with track ${quote(body.track)}`
    case 'add':
      if (code === 'already_exists') return `track ${quote(body.track)} is in ${playlist} already`
      if (code === 'not_found') return `there is no ${playlist}`
      return `${playlist} has ${LIMITS.playlistTracks} tracks, the most there may be`
  }
}
