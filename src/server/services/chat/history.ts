import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import type { Query } from '../../../protocol/service.ts'
import { readService } from '../../../protocol/service.ts'
import { name, page, pageOf } from '../schema.ts'
import type { ChatState } from './state.ts'

const schema = z
  .object({
    channel: name('channel', 'whose publications').optional(),
    user: name('user', 'whose direct messages, sent and received').optional(),
    with: name('with', 'with `user`: only those between the two').optional(),
    ...page,
  })
  .refine(({ channel, user }) => (channel === undefined) !== (user === undefined), 'give either channel or user')

/** What was said in a channel, or to and from a user, page by page: the newest, or those before or after a position. */
export const history = readService({
  name: 'history',
  summary: 'What was said in a channel, or to and from a user, page by page.',
  schema,
  read(request, state: ChatState) {
    const { channel, user, with: other } = request
    if (channel !== undefined) {
      if (!state.channels.has(channel))
        return { refusal: refuse('unknown_channel', `there is no channel ${quote(channel)}`) }
      return { query: { log: 'publications', anyOf: [{ channel }], ...pageOf(request) } }
    }
    if (user === undefined || !state.users.has(user))
      return { refusal: refuse('unknown_user', `there is no user ${quote(user)}`) }
    return { query: { log: 'messages', anyOf: between(user, other), ...pageOf(request) } }
  },
})

const between = (user: string, other: string | undefined): Query['anyOf'] =>
  other === undefined
    ? [{ src: user }, { dst: user }]
    : [
        { src: user, dst: other },
        { src: other, dst: user },
      ]
