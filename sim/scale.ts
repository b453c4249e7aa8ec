/** 3 → 5 → 3 under load, perhaps again and again: two servers are added, leave or die, and an operator makes ref forget them. */
import type { RefState } from '../src/core/ref_state.ts'
import { isQuiet } from '../src/core/report.ts'
import type { Rank } from '../src/protocol/replica.ts'
import { type Cluster, crashServer, feed, isUp, type SimServer, startServer } from './server.ts'
import { countFault, note } from './world.ts'

const FORGET_AGAIN_MS = 500
const QUIET_MS = 20
const STOP_MS = 3000

/** How long after the start a server comes, and how long it stays, ms. */
const FIRST = { comes: [1000, 8000], stays: [4000, 15_000] } as const
const AGAIN = { comes: [500, 3000], stays: [1500, 5000] } as const

/** @returns whether all of it is done */
export function scale(cluster: Cluster, extra: readonly SimServer[]): () => boolean {
  const { random, weather } = cluster.world
  let rounds = weather.scaling
  const again = (): void => {
    if (--rounds === 0) return
    // They come back with the disks that they had, and at once.
    const comes = random.between(...AGAIN.comes)
    comeAndGo(cluster, extra, () => comes, AGAIN.stays, again)
  }
  comeAndGo(cluster, extra, () => random.between(...FIRST.comes), FIRST.stays, again)
  return () => rounds === 0
}

function comeAndGo(
  cluster: Cluster,
  extra: readonly SimServer[],
  comes: () => number,
  stays: readonly [number, number],
  done: () => void,
): void {
  const { world } = cluster
  let left = extra.length
  for (const server of extra) {
    world.schedule.after(comes(), () => {
      countFault(world, 'server added')
      note(world, server.name, 'is added')
      server.wanted = true
      startServer(cluster, server)
      world.schedule.after(world.random.between(...stays), () => {
        countFault(world, 'server taken away')
        server.wanted = false
        takeAway(cluster, server, () => {
          if (--left === 0) done()
        })
      })
    })
  }
}

const knows = ({ ranks, servers }: RefState, rank: Rank): boolean =>
  ranks.includes(rank) || [...servers.values()].some(({ heard }) => heard.report.rank === rank)

/** Stops a server, with or without a good-bye, and has it forgotten, as often as it takes. */
function takeAway(cluster: Cluster, server: SimServer, done: () => void): void {
  const { world, ref } = cluster
  const forget = (): void => {
    // ref may never have admitted it; then it must not believe any more that it is there.
    if (ref.state !== null && ref.state.view !== null && !knows(ref.state, server.rank)) return done()
    if (ref.forget(server.rank)) return done()
    world.schedule.after(FORGET_AGAIN_MS, forget)
  }
  const stop = (): void => {
    crashServer(cluster, server, false)
    forget()
  }
  if (world.random.chance(0.3)) return stop()
  note(world, server.name, 'is told to stop')
  feed(cluster, server, { type: 'drain' })
  const limit = world.schedule.now + STOP_MS
  const look = (): void => {
    if (!isUp(server)) return stop()
    if (!isQuiet(server.replica!) && world.schedule.now < limit) return world.schedule.after(QUIET_MS, look)
    ref.leave(server.replica!.instance)
    stop()
  }
  look()
}
