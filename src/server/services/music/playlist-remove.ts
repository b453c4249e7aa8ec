import { writeService } from '../../../protocol/service.ts'
import { inPlaylist } from './fields.ts'
import { applyPlaylist, describePlaylist, preparePlaylist } from './playlists.ts'
import type { MusicState } from './state.ts'

/** Takes a track out of a playlist. */
export const removeFromPlaylist = writeService({
  name: 'playlist.remove',
  summary: 'Takes a track out of a playlist.',
  schema: inPlaylist,
  ack: 'ordered',
  log: 'playlists',
  prepare: ({ user, name, track }, state: MusicState) =>
    preparePlaylist({ operation: 'remove', user, name, track }, state),
  apply: applyPlaylist,
  describe: (code, request) => describePlaylist(code, { operation: 'remove', ...request }),
  success: { status: 'sucesso' },
})
