import { readService } from '../../../protocol/service.ts'
import { nothing } from '../schema.ts'
import { type ChatState, sortedNames } from './state.ts'

/** Course rule ◆: the names of all users that ever logged in. */
export const users = readService({
  name: 'users',
  summary: 'The names of all users that ever logged in.',
  schema: nothing,
  read: (_, state: ChatState) => ({ data: { users: sortedNames(state.users) } }),
})
