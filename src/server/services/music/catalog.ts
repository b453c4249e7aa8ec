import { z } from 'zod'
import { statelessService } from '../../../protocol/service.ts'
import { oneOf, optional, optionalText } from '../schema.ts'
import { wordsOf } from '../words.ts'
import { CATALOGUE, GENRES } from './catalogue.ts'

const schema = z.object({
  query: optionalText(200, 'words of title and artist, whatever the case and accents'),
  genre: oneOf(GENRES, 'only this genre'),
  limit: optional(1, 1000, 'most tracks; 100 when missing'),
})

const SEARCHED = CATALOGUE.map((track) => ({ track, text: wordsOf(`${track.title} ${track.artist}`).join(' ') }))

/** The catalogue comes with Compasso and is the same on every server, so nobody has to be asked. */
export const catalog = statelessService({
  name: 'catalog',
  summary: 'The tracks there are, all of them or those that match.',
  schema,
  answer({ query, genre, limit }) {
    const words = wordsOf(query ?? '')
    const found = SEARCHED.filter(
      ({ track, text }) => (genre == null || track.genre === genre) && words.every((word) => text.includes(word)),
    )
    const tracks = found.slice(0, limit ?? 100).map(({ track }) => track)
    return { data: { tracks, total: found.length, genres: GENRES } }
  },
})
