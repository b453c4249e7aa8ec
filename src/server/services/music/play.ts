import { z } from 'zod'
import { writeService } from '../../../protocol/service.ts'
import { track, user } from './fields.ts'
import type { MusicState } from './state.ts'

/** Notes that a user plays a track: fire and forget, since the answer is the same for every one. */
export const play = writeService({
  name: 'play',
  summary: 'Plays a track: it is kept in the history of plays, and counts.',
  schema: z.object({ user, track }),
  ack: 'durable',
  log: 'plays',
  prepare: ({ user, track }, _: MusicState) => ({ body: { user, track } }),
  apply({ body: { track } }, { plays }) {
    plays.set(track, (plays.get(track) ?? 0) + 1)
    return null
  },
  success: { status: 'OK' },
})
