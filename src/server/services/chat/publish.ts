import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import { writeService } from '../../../protocol/service.ts'
import { name, text } from '../schema.ts'
import type { ChatState } from './state.ts'

const missing = (channel: string): string => `there is no channel ${quote(channel)}`

const schema = z.object({
  user: name('user', 'who publishes'),
  channel: name('channel', 'where'),
  message: text('message', 'what is said'),
})

/** Course rule ◆: publishes a message in a channel. */
export const publish = writeService({
  name: 'publish',
  summary: 'Publishes a message in a channel.',
  schema,
  ack: 'durable',
  log: 'publications',
  prepare({ user, channel, message }, state: ChatState) {
    if (!state.channels.has(channel)) return { refusal: refuse('unknown_channel', missing(channel)) }
    return { body: { user, channel, message } }
  },
  describe: (_, { channel }) => missing(channel),
  success: { status: 'OK' },
  publication: { topic: ({ channel }) => channel, map: (body) => ({ type: 'publication', ...body }) },
})
