/** A `ref` that hears servers as a test says. */
import { type RefEffect, type RefInput, refStep } from '../../../src/core/ref.ts'
import { createRefState, type RefState } from '../../../src/core/ref_state.ts'
import {
  type Instance,
  makeOrigin,
  type Rank,
  type Report,
  type View,
  type ViewId,
} from '../../../src/protocol/replica.ts'

export const rank = (n: number) => n as Rank
const endpoint = { peer: 'tcp://127.0.0.1:1', pub: 'tcp://127.0.0.1:2' }
let nonce = 0
export const run = (ref: RefState, now: number, input: RefInput): RefEffect[] => refStep(ref, now, `n${++nonce}`, input)

/** A server as ref hears it. */
export type Server = {
  rank: number
  instance: string
  fresh: boolean
  installed: ViewId | null
  known: number
  joining: boolean
}
export const fresh = (n: number, run = 'a'): Server => ({
  rank: n,
  instance: `${n}${run}`,
  fresh: true,
  installed: null,
  known: 0,
  joining: true,
})

export function beat(ref: RefState, now: number, server: Server, more: Partial<Report> = {}): RefEffect[] {
  const report: Report = {
    rank: rank(server.rank),
    instance: server.instance as Instance,
    origin: server.joining ? null : makeOrigin(rank(server.rank), server.known),
    fresh: server.fresh,
    installed: server.installed,
    known: server.known,
    recorded: server.fresh ? 0 : server.known,
    quorum: server.known > 0 ? 2 : 0,
    position: 0,
    joining: server.joining,
    level: true,
    silent: [],
    hears: [],
    ...more,
  }
  return run(ref, now, { type: 'heartbeat', name: `server-${server.rank}`, endpoint, report })
}

export const members = (view: View | null) => view?.members.map((member) => member.rank)

/** Servers in view 1, installed by all. */
export function settled(count = 3): { ref: RefState; servers: Server[] } {
  const ref = createRefState(null, count, 0)
  const servers = Array.from({ length: count }, (_, i) => fresh(i + 1))
  for (const server of servers) beat(ref, 10, server)
  for (const server of servers) {
    Object.assign(server, { fresh: false, installed: ref.view, known: 1, joining: false })
    beat(ref, 20, server)
  }
  return { ref, servers }
}
