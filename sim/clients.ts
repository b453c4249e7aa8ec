/** Simulated clients: one request after the other, retried under the same id through other servers, as ours do. */
import type { Outcome } from '../src/core/types.ts'
import { isRetriable } from '../src/protocol/errors.ts'
import type { Operation } from './check.ts'
import { type Cluster, feed, isUp } from './server.ts'
import { carry, countFault } from './world.ts'

const RETRY_MS = 700
const GIVE_UP_MS = 15_000
const CHANNELS = ['bossa', 'choro', 'fado', 'forro', 'frevo', 'lundu', 'maxixe', 'morna', 'samba', 'xote']

export type Clients = {
  operations: Operation[]
  /** Requests under way. */
  readonly busy: number
  stop(): void
}

export function startClients(cluster: Cluster, count: number): Clients {
  const { world } = cluster
  const operations: Operation[] = []
  // One broker for all: it has a Lamport clock like any other process.
  const broker = { clock: 0 }
  let busy = 0
  let stopped = false
  let number = 0

  const next = (client: number): void => {
    if (stopped) return
    busy++
    const operation = draw(cluster, `c${client}-${++number}`, client)
    if (operation.seen === undefined) cluster.check.asked(operation.id)
    operations.push(operation)
    perform(cluster, broker, operation, () => {
      busy--
      world.schedule.after(world.random.between(0, world.weather.think), () => next(client))
    })
  }
  for (let client = 1; client <= count; client++) world.schedule.after(world.random.between(0, 500), () => next(client))
  return {
    operations,
    get busy() {
      return busy
    },
    stop() {
      stopped = true
    },
  }
}

function draw(cluster: Cluster, id: string, client: number): Operation {
  const { world } = cluster
  const { random } = world
  const begun = { id, invokedAt: world.schedule.now, answeredAt: 0, result: 'unknown' as const }
  const channel = random.pick(CHANNELS)
  const kind = random.next()
  if (kind < 0.6) return { ...begun, service: 'publish', data: { user: `u${client}`, channel, message: id } }
  if (kind < 0.7) return { ...begun, service: 'channel', data: { channel } }
  if (kind < 0.8) return { ...begun, service: 'login', data: { user: `u${client}` } }
  if (kind < 0.9)
    return { ...begun, service: 'message', data: { src: `u${client}`, dst: `u${random.between(1, 5)}`, message: id } }
  return { ...begun, service: 'channels', data: {}, seen: [] }
}

function perform(cluster: Cluster, broker: { clock: number }, operation: Operation, done: () => void): void {
  const { world } = cluster
  const deadline = world.schedule.now + GIVE_UP_MS
  let attempt = 0
  let finished = false
  const finish = (): void => {
    if (finished) return
    finished = true
    operation.answeredAt = world.schedule.now
    done()
  }
  const take = (outcome: Outcome, clock: number): void => {
    broker.clock = Math.max(broker.clock, clock)
    if (finished) return
    if ('refusal' in outcome) {
      if (isRetriable(outcome.refusal.code)) return
      // With an older attempt still under way, a refusal is only about its own moment.
      operation.result = attempt === 1 ? 'refused' : 'unknown'
      operation.code = outcome.refusal.code
    } else if ('data' in outcome) {
      if (operation.seen !== undefined && outcome.stale !== true) operation.seen = outcome.data.channels as string[]
      operation.result = operation.seen !== undefined && outcome.stale === true ? 'unknown' : 'ok'
    }
    finish()
  }
  const send = (): void => {
    if (finished) return
    if (world.schedule.now >= deadline) return finish()
    if (attempt++ > 0) countFault(world, 'retried request')
    const open = cluster.servers.filter((server) => isUp(server) && server.replica!.own !== null)
    if (open.length > 0) {
      const server = world.random.pick(open)
      const { life } = server
      broker.clock++
      const stamp = broker.clock
      const token = (outcome: Outcome, clock: number): void => {
        if (server.life === life) carry(world, server.name, 'broker', 'request', () => take(outcome, clock))
      }
      const request = { token, service: operation.service, id: operation.id, data: operation.data, clock: 0, stamp }
      carry(world, 'broker', server.name, 'request', () => {
        if (server.life === life)
          feed(cluster, server, { type: 'requests', requests: [request], time: world.schedule.now })
      })
    }
    world.schedule.after(RETRY_MS, send)
  }
  send()
}
