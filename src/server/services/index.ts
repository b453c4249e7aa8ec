/** All services of a server, by the names they are called by. A new one is its file and a line here. */
import type { Application, Service, WriteService } from '../../protocol/service.ts'
import { channel } from './chat/channel.ts'
import { channels } from './chat/channels.ts'
import { history } from './chat/history.ts'
import { login } from './chat/login.ts'
import { message } from './chat/message.ts'
import { publish } from './chat/publish.ts'
import { type ChatState, createChat, restoreChat, snapshotChat } from './chat/state.ts'
import { users } from './chat/users.ts'

const SERVICES: readonly Service<ChatState>[] = [login, users, channel, channels, publish, message, history]
/** Course rule ◆: other names that clients in the wild use. */
const ALIASES: Readonly<Record<string, Service<ChatState>>> = { register_user: login, list_channels: channels }

/** Makes the application that a server, or the simulator, runs. */
export function createApplication(): Application<ChatState> {
  const services = new Map(SERVICES.map((service): [string, Service<ChatState>] => [service.name, service]))
  for (const [alias, service] of Object.entries(ALIASES)) services.set(alias, service)
  const writers = SERVICES.filter((service): service is WriteService<ChatState> => 'log' in service)
  const folding = writers.filter((service) => service.apply !== undefined)
  return {
    services,
    logs: [...new Set(writers.map((service) => service.log))].sort(),
    folds: new Map(folding.map((service) => [service.log, service])),
    create: createChat,
    snapshot: snapshotChat,
    restore: restoreChat,
  }
}
