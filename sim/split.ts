/**
 * Two servers that do not hear each other, in both directions or in one, while everybody else hears both. There is a quorum
 * of servers that all hear each other, so while this is all that is wrong the order must go on, and not only afterwards.
 */
import { cutLinks } from './network.ts'
import { type Cluster, crashServer, restartLater, type SimServer } from './server.ts'
import { countFault, type World } from './world.ts'

const LOOK_MS = 500
/** When nothing else has been wrong for so many looks, the order must have gone on in the last of them. */
const SETTLED_LOOKS = 26
const LAST_LOOKS = 6
/** So soon `ref` knows of a split, ms. */
const HEARD_OF_MS = 4000

const wanted = (cluster: Cluster): SimServer[] => cluster.servers.filter((server) => server.wanted)

export function split(cluster: Cluster): void {
  const { world } = cluster
  const { random } = world
  const one = random.pick(wanted(cluster))
  const other = random.pick(wanted(cluster).filter((server) => server !== one))
  // A second one at the same time may leave no quorum that hears each other.
  if (world.cuts.size > 0) return
  // One that joins is let in when all hear it; what it does not hear it notices only then, again and again: not promised.
  const mayJoin = isWatched(world) && world.weather.every.kill !== undefined
  if (isWatched(world) && wanted(cluster).some((server) => !server.replica?.active)) return
  cutLinks(world, one.name, [other.name], random.chance(0.6) || mayJoin, 'split', world.weather.split)
  if (world.weather.every.kill === undefined || random.chance(0.5)) return
  // One that hears both starts again before anybody knows of the split: the others make a view without it.
  const third = random.pick(wanted(cluster).filter((server) => server !== one && server !== other))
  world.schedule.after(random.between(0, HEARD_OF_MS), () => {
    if (!world.raging || third.replica === null) return
    countFault(world, 'kill')
    crashServer(cluster, third, false)
    restartLater(cluster, third)
  })
}

/** Only two servers that do not hear each other, and processes that end and start again: then the order must go on. */
export const isWatched = ({ weather }: World): boolean =>
  weather.every.split !== undefined && Object.keys(weather.every).every((kind) => ['split', 'kill'].includes(kind))

/** Looks, for as long as the weather lasts, whether the order goes on while two servers are split. */
export function watchSplits(cluster: Cluster): void {
  const { world } = cluster
  const looks: { wrong: string; positions: number[] }[] = []
  const look = (): void => {
    if (!world.raging) return
    world.schedule.after(LOOK_MS, look)
    const wrong = whatIsWrong(cluster)
    if (wrong === null || (looks[0] !== undefined && looks[0].wrong !== wrong)) looks.length = 0
    if (wrong === null || looks.push({ wrong, positions: wanted(cluster).map(positionOf) }) < SETTLED_LOOKS) return
    const before = looks[looks.length - LAST_LOOKS]!.positions
    looks.shift()
    const moved = wanted(cluster).filter((server, i) => positionOf(server) > before[i]!)
    if (moved.length * 2 <= before.length)
      cluster.check.fail(`${wrong} is cut, nothing else, and the order stands still`)
  }
  look()
}

/** The links that are cut, by which cut, and the lives of the servers; null when there is no split, or a server is down. */
function whatIsWrong(cluster: Cluster): string | null {
  const { cuts, timesCut } = cluster.world
  const servers = wanted(cluster)
  if (cuts.size === 0 || servers.some((server) => server.replica === null)) return null
  return `${[...cuts].join(' ')} (cut ${timesCut}, lives ${servers.map((server) => server.life).join(' ')})`
}

const positionOf = ({ replica }: SimServer): number => replica?.position ?? 0
