/** All services of a server, by the names they are called by. A new one is its file and a line here. */
import type { Application, Host, Service, WriteService } from '../../protocol/service.ts'
import { channel } from './chat/channel.ts'
import { channels } from './chat/channels.ts'
import { history } from './chat/history.ts'
import { login } from './chat/login.ts'
import { message } from './chat/message.ts'
import { publish } from './chat/publish.ts'
import { type ChatState, createChat, restoreChat, snapshotChat } from './chat/state.ts'
import { users } from './chat/users.ts'

export const SERVICES = [login, users, channel, channels, publish, message, history] as const
/** Course rule ◆: other names that clients in the wild use. */
export const ALIASES = { register_user: login, list_channels: channels } as const

type State = ChatState

/** A host for whoever runs the services without a server. */
export const NO_HOST: Host = { server: 'none', version: '0', node: '0', os: 'none', uptimeSeconds: () => 0 }

/** Makes the application that a server, or the simulator, runs. @param host what `info` says of the server */
export function createApplication(host: Host = NO_HOST): Application<State> {
  const all: readonly Service<State>[] = SERVICES
  const services = new Map(all.map((service): [string, Service<State>] => [service.name, service]))
  for (const [alias, service] of Object.entries(ALIASES)) services.set(alias, service)
  const writers = all.filter((service): service is WriteService<State> => 'log' in service)
  const folding = writers.filter((service) => service.apply !== undefined)
  return {
    services,
    host,
    logs: [...new Set(writers.map((service) => service.log))].sort(),
    folds: new Map(folding.map((service) => [service.log, service])),
    create: createChat,
    snapshot: snapshotChat,
    restore: restoreChat,
  }
}
