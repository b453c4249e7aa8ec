import { z } from 'zod'
import { LIMITS } from '../../../protocol/limits.ts'
import { writeService } from '../../../protocol/service.ts'
import { oneOf, optionalText } from '../schema.ts'
import { GENRES } from './catalogue.ts'
import { user } from './fields.ts'
import type { MusicState, Profile } from './state.ts'

const schema = z.object({
  user,
  about: optionalText(LIMITS.aboutLength, 'a few words about the user; null takes them away'),
  city: optionalText(LIMITS.nameLength, 'where the user lives; null takes it away'),
  genre: oneOf(GENRES, "the user's favourite genre; null takes it away"),
})

/** Sets what is given of a profile and leaves the rest as it is. */
export const setProfile = writeService({
  name: 'profile.set',
  summary: 'Sets some or all of a profile.',
  schema,
  ack: 'ordered',
  log: 'profiles',
  // A field that is missing has to be missing in the event too: it is what was asked for, not what it led to.
  prepare: (request, _: MusicState) => ({ body: request }),
  apply({ body, time }, { profiles }) {
    const { user, about, city, genre } = body
    const before = profiles.get(user) ?? EMPTY
    profiles.set(user, {
      about: about === undefined ? before.about : about,
      city: city === undefined ? before.city : city,
      genre: genre === undefined ? before.genre : genre,
      updated: time,
    })
    return null
  },
  success: { status: 'sucesso' },
})

const EMPTY: Profile = { about: null, city: null, genre: null, updated: 0 }
