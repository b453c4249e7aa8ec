import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import { writeService } from '../../../protocol/service.ts'
import { name } from '../schema.ts'
import type { ChatState } from './state.ts'

const taken = (channel: string): string => `channel ${quote(channel)} exists already`

/** Course rule ◆: creates a channel; of two who create the same name at once, one hears that it exists. */
export const channel = writeService({
  name: 'channel',
  summary: 'Creates a channel.',
  schema: z.object({ channel: name('channel', 'its name') }),
  ack: 'ordered',
  log: 'channels',
  prepare({ channel }, state: ChatState) {
    if (state.channels.has(channel)) return { refusal: refuse('already_exists', taken(channel)) }
    return { body: { channel } }
  },
  apply({ body: { channel }, time }, state) {
    if (state.channels.has(channel)) return 'already_exists'
    state.channels.set(channel, time)
    return null
  },
  describe: (_, { channel }) => taken(channel),
  success: { status: 'sucesso' },
})
