/** The simulated broker: the real one's table, stamps and second chances (broker/traffic.ts), between simulated sockets. */
import pino from 'pino'
import { type Outlet, Traffic } from '../src/broker/traffic.ts'
import type { Outcome } from '../src/core/types.ts'
import { decode, encode } from '../src/protocol/codec.ts'
import { errorReply, type Request, readBody } from '../src/protocol/envelope.ts'
import { restamp, stampClock } from '../src/protocol/stamp.ts'
import { carry } from './network.ts'
import { type Cluster, feed, type SimServer } from './server.ts'
import { countFault, note, type World } from './world.ts'

export type SimBroker = {
  /** How often it was started: its clock begins anew each time. */
  readonly life: number
  /** Requests without a reply. */
  readonly unanswered: number
  /** A client's message: `[identity, '', body]`. */
  request(identity: string, body: Uint8Array): void
  start(): void
  kill(): void
}

const SWEEP_MS = 25
const LIMITS = { redispatchMs: 500, maxRequests: 10_000, maxBytes: 64 << 20 }
const EMPTY = Buffer.alloc(0)

/** @param toClient takes a reply's body on its way to a client */
export function createBroker(
  world: World,
  cluster: () => Cluster,
  toClient: (identity: string, body: Uint8Array) => void,
): SimBroker {
  let life = 0
  let traffic: Traffic | null = null
  let turn = 0

  /** Servers are connected while they are in a view, and get requests in turn. */
  const nextServer = (): SimServer | null => {
    const open = cluster().servers.filter((server) => server.replica !== null && server.replica.own !== null)
    return open.length === 0 ? null : open[turn++ % open.length]!
  }
  const start = (): void => {
    if (traffic !== null) return
    const mine = ++life
    const boot = Buffer.alloc(8)
    boot.writeUInt32BE(mine)
    const waiting: Parameters<Outlet['send']>[0][] = []
    const give = (): void => {
      while (waiting.length > 0) {
        const server = nextServer()
        if (server === null) return
        const request = waiting.shift()!
        if (!request.done) serve(cluster(), server, started.toFrames(request, world.schedule.now), reply)
      }
    }
    const outlet: Outlet = {
      name: 'servers',
      get workers() {
        return cluster().servers.filter((server) => server.replica?.own).length
      },
      get waiting() {
        return waiting.length
      },
      get open() {
        return waiting.length === 0 && outlet.workers > 0
      },
      send(request) {
        waiting.push(request)
        give()
      },
    }
    const started = new Traffic({
      boot,
      limits: LIMITS,
      log: pino({ level: 'silent' }),
      toClient: ([identity, , body]) => toClient(Buffer.from(identity!).toString(), body!),
    })
    const reply = (frames: Buffer[]): void => {
      if (life === mine) started.reply(frames, world.schedule.now)
    }
    started.outlets.push(outlet)
    traffic = started
    const sweep = (): void => {
      if (life !== mine) return
      const { redispatched } = started.counts
      give()
      started.sweep(world.schedule.now)
      for (let i = redispatched; i < started.counts.redispatched; i++)
        countFault(world, 'request sent again by the broker')
      world.schedule.after(SWEEP_MS, sweep)
    }
    sweep()
  }
  return {
    get life() {
      return life
    },
    get unanswered() {
      return traffic?.unanswered ?? 0
    },
    request: (identity, body) =>
      traffic?.request([Buffer.from(identity), EMPTY, Buffer.from(body)], world.schedule.now),
    start,
    kill() {
      life++
      traffic = null
      note(world, 'broker', 'is killed')
    },
  }
}

/** A request on its way to a server and its reply on the way back, as server/workers.ts reads and writes them. */
function serve(cluster: Cluster, server: SimServer, frames: Buffer[], toBroker: (frames: Buffer[]) => void): void {
  const { world } = cluster
  const { life } = server
  carry(world, 'broker', server.name, 'request', () => {
    if (server.life !== life) return
    const stamp = frames.at(-3)!
    const { requests } = readBody(decode(frames.at(-1)!))
    const { service, id, data, clock } = requests[0]!
    const token = (outcome: Outcome, now: number): void => {
      const body = encode(replyOf(requests[0]!, outcome, cluster.times.now(server), now))
      const route = frames.slice(0, -3)
      carry(world, server.name, 'broker', 'request', () =>
        toBroker([...route, restamp(stamp, now), EMPTY, Buffer.from(body)]),
      )
    }
    const request = { token, service, id: id!, data, clock, stamp: stampClock(stamp) }
    cluster.times.exchanged(server)
    feed(cluster, server, { type: 'requests', requests: [request], time: cluster.times.now(server) })
  })
}

function replyOf({ service, id }: Request, outcome: Outcome, timestamp: number, clock: number): unknown {
  if ('refusal' in outcome) return { service, id, data: errorReply(outcome.refusal, timestamp, clock) }
  const data = 'data' in outcome ? outcome.data : {}
  const stale = 'stale' in outcome && outcome.stale === true
  return { service, id, data: { ...data, ...(stale ? { stale } : {}), timestamp, clock } }
}
