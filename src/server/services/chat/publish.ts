import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import type { WriteService } from '../../../protocol/service.ts'
import { name, text } from '../schema.ts'
import type { ChatState } from './state.ts'

/** Course rule ◆: publishes a message in a channel. */
export const publish: WriteService<ChatState> = {
  name: 'publish',
  schema: z.object({ user: name('user'), channel: name('channel'), message: text('message') }),
  ack: 'durable',
  log: 'publications',
  prepare({ user, channel, message }, state) {
    if (!state.channels.has(String(channel)))
      return { refusal: refuse('unknown_channel', `there is no channel ${quote(channel)}`) }
    return { body: { user, channel, message } }
  },
  success: { status: 'OK' },
  publication: { topic: ({ channel }) => String(channel), map: (body) => ({ type: 'publication', ...body }) },
}
