import type { ReadService } from '../../../protocol/service.ts'
import { nothing } from '../schema.ts'
import { type ChatState, sortedNames } from './state.ts'

/** Course rule ◆: the names of all channels, under both fields that clients in the wild read. */
export const channels: ReadService<ChatState> = {
  name: 'channels',
  schema: nothing,
  ack: 'read',
  read(_, state) {
    const names = sortedNames(state.channels)
    return { data: { channels: names, users: names } }
  },
}
