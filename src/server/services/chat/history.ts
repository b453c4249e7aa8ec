import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import { LIMITS } from '../../../protocol/limits.ts'
import type { Query, ReadService } from '../../../protocol/service.ts'
import { name } from '../schema.ts'
import type { ChatState } from './state.ts'

const position = z.number().int().min(0).nullish()
const schema = z
  .object({
    channel: name('channel').optional(),
    user: name('user').optional(),
    with: name('with').optional(),
    limit: z.number().int().min(1).max(LIMITS.historyItems).nullish(),
    before: position,
    after: position,
  })
  .refine(({ channel, user }) => (channel === undefined) !== (user === undefined), 'give either channel or user')

/** What was said in a channel, or to and from a user, page by page: the newest, or those before or after a position. */
export const history: ReadService<ChatState> = {
  name: 'history',
  schema,
  ack: 'read',
  read(request, state) {
    const { channel, user, with: other, limit, before, after } = request as z.infer<typeof schema>
    const page = { limit: limit ?? 50, before: before ?? null, after: after ?? null }
    if (channel !== undefined) {
      if (!state.channels.has(channel))
        return { refusal: refuse('unknown_channel', `there is no channel ${quote(channel)}`) }
      return { query: { log: 'publications', anyOf: [{ channel }], ...page } }
    }
    if (user === undefined || !state.users.has(user))
      return { refusal: refuse('unknown_user', `there is no user ${quote(user)}`) }
    return { query: { log: 'messages', anyOf: between(user, other), ...page } }
  },
}

const between = (user: string, other: string | undefined): Query['anyOf'] =>
  other === undefined
    ? [{ src: user }, { dst: user }]
    : [
        { src: user, dst: other },
        { src: other, dst: user },
      ]
