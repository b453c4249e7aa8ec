import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import { writeService } from '../../../protocol/service.ts'
import { alsoNamed, name, text } from '../schema.ts'
import type { ChatState } from './state.ts'

const missing = (user: string): string => `there is no user ${quote(user)}`

const fields = z.object({
  src: name('src', 'who writes'),
  dst: name('dst', 'to whom'),
  message: text('message', 'what is said'),
})

/** Course rule ◆: sends a direct message; some clients name the two users `from` and `to`. */
export const message = writeService({
  name: 'message',
  summary: 'Sends a direct message to a user.',
  schema: alsoNamed(fields, { from: 'src', to: 'dst' }),
  ack: 'durable',
  log: 'messages',
  prepare({ src, dst, message }, state: ChatState) {
    if (!state.users.has(dst)) return { refusal: refuse('unknown_user', missing(dst)) }
    return { body: { src, dst, message } }
  },
  describe: (_, { dst }) => missing(dst),
  success: { status: 'OK' },
  publication: {
    topic: ({ dst }) => dst,
    map: ({ src, dst, message }) => ({ type: 'message', src, dst, from: src, to: dst, user: src, message }),
  },
})
