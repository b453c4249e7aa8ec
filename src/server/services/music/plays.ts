import { z } from 'zod'
import { readService } from '../../../protocol/service.ts'
import { page, pageOf } from '../schema.ts'
import { user } from './fields.ts'
import type { MusicState } from './state.ts'

/** What a user played, page by page: the newest, or what lies before or after a position. */
export const plays = readService({
  name: 'plays',
  summary: 'What a user played, page by page.',
  schema: z.object({ user, ...page }),
  read: (request, _: MusicState) => ({
    query: { log: 'plays', anyOf: [{ user: request.user }], ...pageOf(request) },
  }),
})
