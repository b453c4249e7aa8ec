/**
 * Simulated clients: one request after the other, each sent again under the same id until it is answered, as ours do;
 * now and then twice at once, which the broker hands to two servers.
 */
import { tick } from '../src/core/lamport.ts'
import { decode, encode } from '../src/protocol/codec.ts'
import { isMap } from '../src/protocol/envelope.ts'
import { type ErrorCode, isRetriable } from '../src/protocol/errors.ts'
import { CATALOGUE } from '../src/server/services/music/catalogue.ts'
import { carry } from './network.ts'
import type { Operation } from './operations.ts'
import type { Cluster } from './server.ts'
import { countFault } from './world.ts'

const RETRY_MS = 700
const GIVE_UP_MS = 15_000
/** Publications go to these; more are created, so that there is always something new to read. */
const CHANNELS = ['bossa', 'choro', 'fado', 'forro', 'frevo', 'lundu', 'maxixe', 'morna', 'samba', 'xote']
const MUSIC = ['playlist.create', 'playlist.delete', 'playlist.add', 'playlist.add', 'playlist.remove', 'play'] as const
const MORE_CHANNELS = Array.from({ length: 80 }, (_, i) => `${CHANNELS[i % 10]}-${i}`)

export type Clients = {
  operations: Operation[]
  /** Requests under way. */
  readonly busy: number
  /** A reply from the broker. */
  receive(identity: string, body: Uint8Array): void
  start(count: number): void
  stop(): void
}

type Client = {
  name: string
  publishes: boolean
  clock: number
  current: ((data: Record<string, unknown>) => void) | null
  id: string
}

export function createClients(cluster: () => Cluster): Clients {
  const operations: Operation[] = []
  const clients = new Map<string, Client>()
  let busy = 0
  let stopped = false

  const next = (client: Client): void => {
    if (stopped) return
    const { world, check, broker } = cluster()
    busy++
    const operation = draw(cluster(), client, operations.length + 1)
    operation.brokerLife = broker.life
    if (operation.seen === null) check.asked(operation.id)
    operations.push(operation)
    perform(cluster(), client, operation, () => {
      busy--
      world.schedule.after(world.random.between(0, world.weather.think), () => next(client))
    })
  }
  return {
    operations,
    get busy() {
      return busy
    },
    receive(identity, body) {
      const client = clients.get(identity)!
      const reply = decode(body)
      if (!isMap(reply) || !isMap(reply.data)) throw new Error('a reply is no envelope')
      client.clock = Math.max(client.clock, reply.data.clock as number)
      if (reply.id === client.id) client.current?.(reply.data)
    },
    start(count) {
      const { world } = cluster()
      for (let i = 1; i <= count; i++) {
        const publishes = i <= world.weather.publishers
        const client: Client = { name: `c${i}`, publishes, clock: 0, current: null, id: '' }
        clients.set(client.name, client)
        world.schedule.after(world.random.between(0, 500), () => next(client))
      }
    },
    stop() {
      stopped = true
    },
  }
}

function draw({ world }: Cluster, { name, publishes }: Client, number: number): Operation {
  const { random } = world
  const id = `${name}-${number}`
  const begun = { id, client: name, invokedAt: world.schedule.now, answeredAt: 0, brokerLife: 0, seen: null }
  const unknown = { ...begun, result: 'unknown' as const, code: null }
  const channel = channelOf(world)
  const kind = publishes ? 0 : random.next()
  if (kind < 0.6) return { ...unknown, service: 'publish', data: { user: name, channel, message: id } }
  if (kind < 0.7)
    return {
      ...unknown,
      service: 'channel',
      data: { channel: random.chance(0.5) ? channel : random.pick(MORE_CHANNELS) },
    }
  if (kind < 0.8) return { ...unknown, service: 'login', data: { user: name } }
  if (kind < 0.9)
    return { ...unknown, service: 'message', data: { src: name, dst: `c${random.between(1, 5)}`, message: id } }
  if (kind < 0.95) return { ...unknown, service: 'channels', data: {}, seen: [] }
  return { ...unknown, ...drawMusic(Math.floor((kind - 0.95) * 1e6), name) }
}

function channelOf({ random, weather, schedule }: Cluster['world']): string {
  const usual = random.pick(CHANNELS)
  return weather.topic === 0 ? usual : `topic-${Math.floor(schedule.now / weather.topic)}`
}

/** Everybody works on the same few playlists. @param choice what is left of a draw, so that no more is drawn */
function drawMusic(choice: number, user: string): Pick<Operation, 'service' | 'data'> {
  const service = MUSIC[choice % MUSIC.length]!
  const rest = Math.floor(choice / MUSIC.length)
  const track = CATALOGUE[rest % 3]!.id
  if (service === 'play') return { service, data: { user, track } }
  const list = { user: 'everybody', name: `list ${Math.floor(rest / 3) % 2}` }
  return { service, data: service === 'playlist.create' || service === 'playlist.delete' ? list : { ...list, track } }
}

function perform(cluster: Cluster, client: Client, operation: Operation, done: () => void): void {
  const { world, broker } = cluster
  const deadline = world.schedule.now + GIVE_UP_MS
  let attempts = 0
  const finish = (): void => {
    client.current = null
    operation.answeredAt = world.schedule.now
    // Invoked and answered through one life of the broker, or it says nothing about order between clients.
    if (operation.brokerLife !== broker.life) operation.brokerLife = -1
    done()
  }
  const send = (): void => {
    client.clock = tick(client.clock)
    const data = { ...operation.data, clock: client.clock, timestamp: world.schedule.now }
    const body = encode({ service: operation.service, id: operation.id, data })
    carry(world, client.name, 'broker', 'request', () => broker.request(client.name, body))
  }
  const attempt = (): void => {
    if (client.current !== take) return
    if (world.schedule.now >= deadline) return finish()
    if (attempts++ > 0) countFault(world, 'request retried')
    send()
    if (world.raging && world.random.chance(world.weather.doubledRequests)) {
      attempts++
      countFault(world, 'request doubled')
      send()
    }
    world.schedule.after(RETRY_MS, attempt)
  }
  const take = (data: Record<string, unknown>): void => {
    const { code } = data
    if (typeof code === 'string') {
      if (isRetriable(code as ErrorCode)) return
      operation.result = 'refused'
      operation.code = code
    } else if (operation.seen === null) operation.result = 'ok'
    else if (data.stale !== true) {
      operation.seen = data.channels as string[]
      operation.result = 'ok'
    }
    finish()
  }
  client.id = operation.id
  client.current = take
  attempt()
}
