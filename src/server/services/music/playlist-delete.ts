import { writeService } from '../../../protocol/service.ts'
import { ofPlaylist } from './fields.ts'
import { applyPlaylist, describePlaylist, preparePlaylist } from './playlists.ts'
import type { MusicState } from './state.ts'

/** Deletes a playlist. */
export const deletePlaylist = writeService({
  name: 'playlist.delete',
  summary: 'Deletes a playlist with all that is in it.',
  schema: ofPlaylist,
  ack: 'ordered',
  log: 'playlists',
  prepare: ({ user, name }, state: MusicState) => preparePlaylist({ operation: 'delete', user, name }, state),
  apply: applyPlaylist,
  describe: (code, request) => describePlaylist(code, { operation: 'delete', ...request }),
  success: { status: 'sucesso' },
})
