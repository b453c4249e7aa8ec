import { z } from 'zod'
import { isMap } from '../../../protocol/envelope.ts'
import { quote, refuse } from '../../../protocol/errors.ts'
import type { WriteService } from '../../../protocol/service.ts'
import { name, text } from '../schema.ts'
import type { ChatState } from './state.ts'

const fields = z.object({ src: name('src'), dst: name('dst'), message: text('message') })

/** Course rule ◆: sends a direct message; some clients name the two users `from` and `to`. */
export const message: WriteService<ChatState> = {
  name: 'message',
  schema: z.preprocess(
    (data) => (isMap(data) ? { ...data, src: data.src ?? data.from, dst: data.dst ?? data.to } : data),
    fields,
  ),
  ack: 'durable',
  log: 'messages',
  prepare({ src, dst, message }, state) {
    if (!state.users.has(String(dst))) return { refusal: refuse('unknown_user', `there is no user ${quote(dst)}`) }
    return { body: { src, dst, message } }
  },
  success: { status: 'OK' },
  publication: {
    topic: ({ dst }) => String(dst),
    map: ({ src, dst, message }) => ({ type: 'message', src, dst, from: src, to: dst, user: src, message }),
  },
}
