import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import type { WriteService } from '../../../protocol/service.ts'
import { name } from '../schema.ts'
import type { ChatState } from './state.ts'

const taken = (channel: unknown): string => `channel ${quote(channel)} exists already`

/** Course rule ◆: creates a channel; of two who create the same name at once, one hears that it exists. */
export const channel: WriteService<ChatState> = {
  name: 'channel',
  schema: z.object({ channel: name('channel') }),
  ack: 'ordered',
  log: 'channels',
  prepare({ channel }, state) {
    if (state.channels.has(String(channel))) return { refusal: refuse('already_exists', taken(channel)) }
    return { body: { channel } }
  },
  apply({ body, time }, state) {
    const created = String(body.channel)
    if (state.channels.has(created)) return 'already_exists'
    state.channels.set(created, time)
    return null
  },
  describe: (_, request) => taken(request.channel),
  success: { status: 'sucesso' },
}
