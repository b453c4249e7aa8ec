/** All services that come with Compasso. A new one is its file and a line here (and its import). */
import type { Application, Host, Service, WriteService } from '../../protocol/service.ts'
import { channel } from './chat/channel.ts'
import { channels } from './chat/channels.ts'
import { history } from './chat/history.ts'
import { login } from './chat/login.ts'
import { message } from './chat/message.ts'
import { publish } from './chat/publish.ts'
import { type ChatState, createChat, restoreChat, snapshotChat } from './chat/state.ts'
import { users } from './chat/users.ts'
import { info } from './compute/info.ts'
import { mean } from './compute/mean.ts'
import { search } from './compute/search.ts'
import { sum } from './compute/sum.ts'
import { catalog } from './music/catalog.ts'
import { play } from './music/play.ts'
import { addToPlaylist } from './music/playlist-add.ts'
import { createPlaylist } from './music/playlist-create.ts'
import { deletePlaylist } from './music/playlist-delete.ts'
import { getPlaylist } from './music/playlist-get.ts'
import { listPlaylists } from './music/playlist-list.ts'
import { removeFromPlaylist } from './music/playlist-remove.ts'
import { plays } from './music/plays.ts'
import { getProfile } from './music/profile-get.ts'
import { setProfile } from './music/profile-set.ts'
import { createMusic, type MusicState, restoreMusic, snapshotMusic } from './music/state.ts'
import { top } from './music/top.ts'

export const SERVICES = [
  login,
  users,
  channel,
  channels,
  publish,
  message,
  history,
  sum,
  mean,
  search,
  info,
  catalog,
  createPlaylist,
  deletePlaylist,
  addToPlaylist,
  removeFromPlaylist,
  listPlaylists,
  getPlaylist,
  setProfile,
  getProfile,
  play,
  plays,
  top,
] as const

/** Other names of services, which clients in the wild use: the course's ◆ and the predecessors'. */
export const ALIASES = {
  register_user: login,
  list_channels: channels,
  soma: sum,
  media: mean,
  busca: search,
} as const

export type State = ChatState & MusicState

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
    create: () => ({ ...createChat(), ...createMusic() }),
    snapshot: (state) => ({ ...snapshotChat(state), ...snapshotMusic(state) }),
    restore: (value) => ({ ...restoreChat(value), ...restoreMusic(value) }),
  }
}
