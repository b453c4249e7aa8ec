/** What ref is told of this server and what it says of the cluster: views for the replica, endpoints for the sockets. */
import type { Replica } from '../core/replica.ts'
import { reportOf } from '../core/report.ts'
import type { Input } from '../core/types.ts'
import { type Data, isMap } from '../protocol/envelope.ts'
import { type Endpoint, type Instance, isEndpoint, isView } from '../protocol/replica.ts'
import type { Link } from './link.ts'
import type { Peers } from './peers.ts'

const HEARTBEAT_MS = 1000

export type MembershipOptions = {
  replica: Replica
  name: string
  endpoint: Endpoint
  ref: Link
  peers: Peers
  post(input: Input): void
}

export type Membership = {
  /** Tells ref how this server stands, once in this turn of the event loop. */
  report(): void
  /** Takes the data of an answer of ref, or of a view that it sent. */
  take(data: Data): void
  stop(): void
}

export function createMembership(options: MembershipOptions): Membership {
  const { replica, name, endpoint, ref, peers, post } = options
  let scheduled = false
  let stopped = false
  /** The newest number that was handed to the replica: the same view comes with every answer. */
  let posted = 0
  let servers: Data[] = []

  const heartbeat = (): void => {
    scheduled = false
    if (stopped) return
    ref.tell('heartbeat', { user: name, ...reportOf(replica), endpoint })
  }
  const timer = setInterval(heartbeat, HEARTBEAT_MS)

  const takeView = (view: unknown): void => {
    if (!isView(view) || view.number <= Math.max(replica.known?.number ?? 0, posted)) return
    posted = view.number
    post({ type: 'view', view })
    update(view.members)
  }
  const update = (members: readonly { instance: Instance; endpoint: Endpoint }[]): void => {
    const endpoints = new Map<Instance, Endpoint>()
    for (const one of [...servers, ...members, ...(replica.known?.members ?? [])]) {
      if (one.instance === replica.instance || !isEndpoint(one.endpoint)) continue
      endpoints.set(one.instance as Instance, one.endpoint)
    }
    peers.update(endpoints)
  }

  return {
    report() {
      if (scheduled) return
      scheduled = true
      setImmediate(heartbeat)
    },
    take(data) {
      if (stopped) return
      if (Array.isArray(data.servers)) servers = data.servers.filter(isMap)
      update([])
      takeView(data.view)
    },
    stop() {
      stopped = true
      clearInterval(timer)
    },
  }
}
