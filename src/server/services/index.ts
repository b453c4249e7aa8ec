/** All services that come with Compasso. A new one is its file and a line here (and its import). */
import { type Data, isMap } from '../../protocol/envelope.ts'
import type { Module } from '../../protocol/plugin.ts'
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
import { guard } from './guard.ts'
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
import { copyState, type Plugin, readPlugins } from './plugins.ts'

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

export type State = ChatState &
  MusicState & {
    /** By name of the plug-in. */
    plugins: Record<string, unknown>
  }

/** A host for whoever runs the services without a server. */
export const NO_HOST: Host = { server: 'none', version: '0', node: '0', os: 'none', uptimeSeconds: () => 0 }

/**
 * Makes the application that a server, or the simulator, runs.
 * @param host what `info` says of the server  @param modules the files of SERVICES_DIR
 * @throws {PluginError} when one of them is not what it must be, or takes a name that is taken
 */
export function createApplication(host: Host = NO_HOST, modules: readonly Module[] = []): Application<State> {
  const own: readonly Service<State>[] = SERVICES
  const taken = { services: [...own.map(({ name }) => name), ...Object.keys(ALIASES)], logs: logsOf(own) }
  const plugins = readPlugins(modules, taken)
  const guarded = plugins.flatMap(({ name, services }) =>
    services.map((service) => guard<State>(service, (state) => state.plugins[name])),
  )
  const all = [...own, ...guarded]
  const services = new Map(all.map((service): [string, Service<State>] => [service.name, service]))
  for (const [alias, service] of Object.entries(ALIASES)) services.set(alias, service)
  const folding = all.filter(isWriter).filter((service) => service.apply !== undefined)
  return {
    ...{ services, host, logs: logsOf(all), folds: new Map(folding.map((service) => [service.log, service])) },
    writes: [RECORDS_REFUSALS, ...own.filter(isWriter).map(describeWriter), ...plugins.flatMap(describeWriters)].sort(),
    ...stateOf(plugins),
  }
}

const isWriter = (service: Service<State>): service is WriteService<State> => 'log' in service
const logsOf = (services: readonly Service<State>[]): string[] =>
  [...new Set(services.filter(isWriter).map(({ log }) => log))].sort()

/** A version that orders no refusals would take them for something else. */
const RECORDS_REFUSALS = 'refusals (skipped.jsonl)'

const describeWriter = ({ name, log }: { name: string; log: string }): string => `${name} (${log}.jsonl)`

/** With the text of the file: two versions of it might apply an event differently. */
const describeWriters = ({ file, sha256, services }: Plugin): string[] =>
  services.flatMap((service) =>
    'log' in service ? [`${describeWriter(service)} of ${file} ${sha256.slice(0, 12)}`] : [],
  )

/** The state of all services: it begins, is saved and is read back as one. */
function stateOf(plugins: readonly Plugin[]): Pick<Application<State>, 'create' | 'snapshot' | 'restore'> {
  const create = (): State['plugins'] =>
    Object.fromEntries(plugins.map(({ name, create }): [string, unknown] => [name, create()]))
  const save = (state: State): Data =>
    plugins.length === 0
      ? {}
      : { plugins: Object.fromEntries(plugins.map((one) => [one.name, copyState(one, state.plugins[one.name])])) }
  const read = (value: unknown): State['plugins'] => {
    const saved = Object(isMap(value) ? value.plugins : null)
    const missing = plugins.find(({ name }) => !Object.hasOwn(saved, name))
    if (missing !== undefined) throw new Error(`there is nothing of ${missing.name} in the snapshot`)
    return Object.fromEntries(plugins.map(({ name }) => [name, saved[name]]))
  }
  return {
    create: () => ({ ...createChat(), ...createMusic(), plugins: create() }),
    snapshot: (state) => ({ ...snapshotChat(state), ...snapshotMusic(state), ...save(state) }),
    restore: (value) => ({ ...restoreChat(value), ...restoreMusic(value), plugins: read(value) }),
  }
}
