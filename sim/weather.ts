/** Each seed draws its own weather: a profile of faults, since uniform randomness leaves the deep corners unvisited. */
import type { Random } from './random.ts'

export type Weather = {
  profile: string
  servers: number
  clients: number
  /** Probabilities a message on the topic / direct is lost, and that one is doubled. */
  topicLoss: number
  directLoss: number
  doubled: number
  /** Longest delay of a message, and how often it is ten times that, ms. */
  delay: number
  lateness: number
  /** Longest fsync, ms. */
  fsync: number
  /** Mean time between faults of each kind, ms; 0 never. */
  kill: number
  powerCut: number
  killAll: number
  killRef: number
  cut: number
  isolate: number
  cutFromRef: number
  pause: number
  /** Longest time something stays broken, ms. */
  repair: number
  /** How much a client thinks between requests, ms. */
  think: number
}

const CALM: Omit<Weather, 'profile' | 'servers'> = {
  ...{ clients: 3, topicLoss: 0, directLoss: 0, doubled: 0, delay: 4, lateness: 0, fsync: 3, kill: 0, powerCut: 0 },
  ...{ killAll: 0, killRef: 0, cut: 0, isolate: 0, cutFromRef: 0, pause: 0, repair: 3000, think: 60 },
}

const PROFILES: Record<string, (random: Random) => Partial<Weather>> = {
  calm: () => ({}),
  lossy: (r) => ({ topicLoss: 0.3 * r.next(), directLoss: 0.2 * r.next(), doubled: 0.1, delay: 30, lateness: 0.05 }),
  crashes: () => ({ kill: 3000, powerCut: 4000, topicLoss: 0.01 }),
  churn: () => ({ kill: 900, powerCut: 1500, repair: 1200, delay: 15, topicLoss: 0.05 }),
  'ref cut': () => ({ cutFromRef: 1500, isolate: 4000, kill: 4000, repair: 6000, doubled: 0.05 }),
  'ref restarts': () => ({ killRef: 2500, kill: 3000, repair: 4000, delay: 20 }),
  partitions: () => ({ cut: 1500, isolate: 2500, repair: 5000, topicLoss: 0.05 }),
  flapping: () => ({ cut: 400, cutFromRef: 700, isolate: 900, repair: 1500, delay: 10 }),
  'all down': () => ({ killAll: 5000, powerCut: 6000, repair: 2500 }),
  blackouts: () => ({ fsync: 300, killAll: 4000, powerCut: 2500, repair: 1500, think: 5, clients: 6 }),
  'slow disks': () => ({ fsync: 400, kill: 4000, powerCut: 5000 }),
  pauses: () => ({ pause: 2000, repair: 8000, kill: 8000 }),
  storm: (r) => ({
    ...{ topicLoss: 0.15 * r.next(), directLoss: 0.1, doubled: 0.05, delay: 40, lateness: 0.03, fsync: 60, kill: 2500 },
    ...{ powerCut: 3000, killAll: 15000, killRef: 6000, cut: 3000, isolate: 4000, cutFromRef: 3000, pause: 5000 },
  }),
}

export const PROFILE_NAMES = Object.keys(PROFILES)

/** @param forced a profile's name: a kept seed means the same weather when profiles are added */
export function drawWeather(random: Random, forced?: string): Weather {
  const drawn = random.pick(PROFILE_NAMES)
  const profile = forced ?? drawn
  const servers = random.pick([3, 3, 3, 5])
  return { ...CALM, profile, servers, think: random.pick([5, 60, 200]), ...PROFILES[profile]!(random) }
}
