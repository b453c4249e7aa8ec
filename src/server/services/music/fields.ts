/** Fields that several music services have. */
import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import { checked, name } from '../schema.ts'
import { TRACKS } from './catalogue.ts'

export const user = name('user', 'whose')
const playlistName = name('name', "the playlist's name")

/** The id of a track of the catalogue. */
export const track = checked((value) => {
  if (typeof value !== 'string') return refuse('bad_request', `track must be the id of a track, got ${quote(value)}`)
  return TRACKS.has(value)
    ? null
    : refuse('not_found', `track ${quote(value)} is not in the catalogue; the service catalog lists its tracks`)
}).meta({ description: 'the id of a track of the catalogue' })

export const ofUser = z.object({ user })
export const ofPlaylist = z.object({ user, name: playlistName })
export const inPlaylist = z.object({ user, name: playlistName, track })
