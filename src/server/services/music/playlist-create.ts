import { writeService } from '../../../protocol/service.ts'
import { ofPlaylist } from './fields.ts'
import { applyPlaylist, describePlaylist, preparePlaylist } from './playlists.ts'
import type { MusicState } from './state.ts'

/** Creates a playlist. */
export const createPlaylist = writeService({
  name: 'playlist.create',
  summary: 'Creates an empty playlist of a user.',
  schema: ofPlaylist,
  ack: 'ordered',
  log: 'playlists',
  prepare: ({ user, name }, state: MusicState) => preparePlaylist({ operation: 'create', user, name }, state),
  apply: applyPlaylist,
  describe: (code, request) => describePlaylist(code, { operation: 'create', ...request }),
  success: { status: 'sucesso' },
})
