import type { ReadService } from '../../../protocol/service.ts'
import { nothing } from '../schema.ts'
import { type ChatState, sortedNames } from './state.ts'

/** Course rule ◆: the names of all users that ever logged in. */
export const users: ReadService<ChatState> = {
  name: 'users',
  schema: nothing,
  ack: 'read',
  read: (_, state) => ({ data: { users: sortedNames(state.users) } }),
}
