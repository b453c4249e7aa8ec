/**
 * Two servers that do not hear each other, in both directions or in one, while everybody else hears both. There is a quorum
 * of servers that all hear each other, so while this is all that is wrong the order must go on, and not only afterwards.
 */
import { cutLinks } from './network.ts'
import type { Cluster, SimServer } from './server.ts'
import { note, type World } from './world.ts'

/** From when on the order must go on, and for how long it is looked at: `ref` leaves one out after about 5 s. */
const SETTLED_MS = 10_000
const LOOK_MS = 3000

export function split(cluster: Cluster): void {
  const { world } = cluster
  const servers = cluster.servers.filter((server) => server.wanted)
  const one = world.random.pick(servers)
  const other = world.random.pick(servers.filter((server) => server !== one))
  // A second one at the same time may leave no quorum that hears each other.
  if (world.cuts.size > 0) return
  const duration = cutLinks(world, one.name, [other.name], world.random.chance(0.6), 'split')
  if (!isAllThatIsWrong(world) || duration < SETTLED_MS + LOOK_MS) return
  world.schedule.after(SETTLED_MS, () => {
    const before = servers.map((server) => positionOf(server))
    world.schedule.after(LOOK_MS, () => {
      if (!world.raging) return
      const moved = servers.filter((server, i) => positionOf(server) > before[i]!).map((server) => server.name)
      note(world, 'weather', `while ${one.name} and ${other.name} are split, the order goes on at ${moved.join(' ')}`)
      if (moved.length * 2 <= servers.length)
        cluster.check.fail(`${one.name} and ${other.name} do not hear each other, and the order stands still`)
    })
  })
}

const isAllThatIsWrong = ({ weather }: World): boolean => Object.keys(weather.every).join() === 'split'

const positionOf = ({ replica }: SimServer): number => replica?.position ?? 0
