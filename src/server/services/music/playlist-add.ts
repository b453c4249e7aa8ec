import { writeService } from '../../../protocol/service.ts'
import { inPlaylist } from './fields.ts'
import { applyPlaylist, describePlaylist, preparePlaylist } from './playlists.ts'
import type { MusicState } from './state.ts'

/** Adds a track to the end of a playlist. */
export const addToPlaylist = writeService({
  name: 'playlist.add',
  summary: 'Adds a track to the end of a playlist, where it must not be yet.',
  schema: inPlaylist,
  ack: 'ordered',
  log: 'playlists',
  prepare: ({ user, name, track }, state: MusicState) =>
    preparePlaylist({ operation: 'add', user, name, track }, state),
  apply: applyPlaylist,
  describe: (code, request) => describePlaylist(code, { operation: 'add', ...request }),
  success: { status: 'sucesso' },
})
