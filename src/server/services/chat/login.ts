import { z } from 'zod'
import { writeService } from '../../../protocol/service.ts'
import { name } from '../schema.ts'
import type { ChatState } from './state.ts'

/** Course rule ◆: every login is kept with its time, and a user who exists logs in again. */
export const login = writeService({
  name: 'login',
  summary: 'Logs a user in, who exists from then on.',
  schema: z.object({ user: name('user', 'who logs in') }),
  ack: 'ordered',
  log: 'logins',
  prepare: ({ user }, _: ChatState) => ({ body: { user } }),
  apply({ body, time }, state) {
    state.users.set(body.user, time)
    return null
  },
  success: { status: 'sucesso' },
})
