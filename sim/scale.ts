/** 3 → 5 → 3 under load: two servers are added, leave or die, and an operator makes ref forget them. */
import { isQuiet } from '../src/core/report.ts'
import { type Cluster, crashServer, feed, isUp, type SimServer, startServer } from './server.ts'
import { countFault, note } from './world.ts'

const AGAIN_MS = 500
const QUIET_MS = 20
const STOP_MS = 3000

/** @returns whether all of it is done */
export function scale(cluster: Cluster, extra: readonly SimServer[]): () => boolean {
  const { world } = cluster
  let left = extra.length
  for (const server of extra) {
    world.schedule.after(world.random.between(1000, 8000), () => {
      countFault(world, 'server added')
      note(world, server.name, 'is added')
      server.wanted = true
      startServer(cluster, server)
      world.schedule.after(world.random.between(4000, 15_000), () => {
        countFault(world, 'server taken away')
        server.wanted = false
        takeAway(cluster, server, () => left--)
      })
    })
  }
  return () => left === 0
}

/** Stops a server, with or without a good-bye, and has it forgotten, as often as it takes. */
function takeAway(cluster: Cluster, server: SimServer, done: () => void): void {
  const { world, ref } = cluster
  const forget = (): void => {
    // ref may never have admitted it.
    if (ref.state !== null && !ref.state.ranks.includes(server.rank) && ref.state.view !== null) return done()
    if (ref.forget(server.rank)) return done()
    world.schedule.after(AGAIN_MS, forget)
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
