import { readService } from '../../../protocol/service.ts'
import { nothing } from '../schema.ts'
import { type ChatState, sortedNames } from './state.ts'

/** Course rule ◆: the names of all channels, under both fields that clients in the wild read. */
export const channels = readService({
  name: 'channels',
  summary: 'The names of all channels.',
  schema: nothing,
  read(_, state: ChatState) {
    const names = sortedNames(state.channels)
    return { data: { channels: names, users: names } }
  },
})
