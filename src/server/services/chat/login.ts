import { z } from 'zod'
import type { WriteService } from '../../../protocol/service.ts'
import { name } from '../schema.ts'
import type { ChatState } from './state.ts'

/** Course rule ◆: every login is kept with its time, and a user who exists logs in again. */
export const login: WriteService<ChatState> = {
  name: 'login',
  schema: z.object({ user: name('user') }),
  ack: 'ordered',
  log: 'logins',
  prepare: ({ user }) => ({ body: { user } }),
  apply({ body, time }, state) {
    state.users.set(String(body.user), time)
    return null
  },
  success: { status: 'sucesso' },
}
