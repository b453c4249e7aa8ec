import { refuse } from '../../../protocol/errors.ts'
import { readService } from '../../../protocol/service.ts'
import { describeTrack } from './catalogue.ts'
import { ofPlaylist } from './fields.ts'
import { describePlaylist } from './playlists.ts'
import type { MusicState } from './state.ts'

/** One playlist with its tracks. */
export const getPlaylist = readService({
  name: 'playlist.get',
  summary: 'The tracks of a playlist, in the order they were added.',
  schema: ofPlaylist,
  read({ user, name }, state: MusicState) {
    const list = state.playlists.get(user)?.get(name)
    if (list === undefined)
      return { refusal: refuse('not_found', describePlaylist('not_found', { operation: 'delete', user, name })) }
    return { data: { user, name, created: list.created, tracks: [...list.tracks].map(describeTrack) } }
  },
})
