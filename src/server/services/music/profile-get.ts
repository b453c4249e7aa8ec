import { quote, refuse } from '../../../protocol/errors.ts'
import { readService } from '../../../protocol/service.ts'
import { ofUser } from './fields.ts'
import type { MusicState } from './state.ts'

/** A user's profile, once something of it was set. */
export const getProfile = readService({
  name: 'profile.get',
  summary: "A user's profile.",
  schema: ofUser,
  read({ user }, state: MusicState) {
    const profile = state.profiles.get(user)
    if (profile === undefined) return { refusal: refuse('not_found', `${quote(user)} has no profile`) }
    return { data: { user, ...profile, playlists: state.playlists.get(user)?.size ?? 0 } }
  },
})
