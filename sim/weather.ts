/** Each seed draws its own weather: a profile of faults, since uniform randomness leaves the deep corners unvisited. */
import type { Options } from '../src/core/state.ts'
import type { Random } from './random.ts'

/** Kinds of fault that come again and again. */
export const PLANNED = [
  ...(['kill', 'power cut', 'several down', 'all down', 'crash point', 'ref restart', 'ref state lost'] as const),
  ...(['broker restart', 'proxy restart', 'cut', 'isolation', 'cut from ref', 'cut from broker', 'pause'] as const),
  ...(['split'] as const),
  ...(['lost disk', 'damage', 'old backup', 'full disk', 'clock jump'] as const),
]
export type Planned = (typeof PLANNED)[number]

export type Weather = {
  profile: string
  /** How often services refuse at random what could be done: nothing but answers rests on a refusal being true. */
  moods: number
  servers: number
  clients: number
  /** How many of them do nothing but publish: who waits for the order makes no more events while it stands still. */
  publishers: number
  /** How long it rages, virtual ms. */
  rage: number
  /** Probabilities that a message on the topic, or a direct one, is lost, and that one is doubled. */
  topicLoss: number
  directLoss: number
  doubled: number
  /** Longest delay of a message, and how often it is ten times that, ms. */
  delay: number
  lateness: number
  /** Links, `from>to`, on which everything takes eight times as long. */
  slowLinks: ReadonlySet<string>
  /** Longest fsync, ms, and the probability that one fails. */
  fsync: number
  fsyncFails: number
  /** Mean time between faults of each kind, ms; none when it is missing. */
  every: Partial<Record<Planned, number>>
  /** Longest time that something stays broken, ms. */
  repair: number
  /** Longest time that two servers do not hear each other, ms. */
  split: number
  /** How often servers are added, up to 5, and taken away again. */
  scaling: number
  /** Largest error of a clock: its speed, and how far it jumps, ms. */
  drift: number
  jump: number
  /** How long everybody speaks of one channel that somebody creates meanwhile, ms; 0: of the same ten all the time. */
  topic: number
  /** Longest thinking of a client between requests, ms, and how often it sends one twice at once. */
  think: number
  doubledRequests: number
  options: Options
}

const CALM: Omit<Weather, 'profile' | 'moods' | 'servers' | 'slowLinks'> = {
  ...{
    clients: 3,
    publishers: 0,
    rage: 30_000,
    topicLoss: 0,
    directLoss: 0,
    doubled: 0,
    delay: 4,
    lateness: 0,
    fsync: 3,
  },
  ...{
    fsyncFails: 0,
    every: {},
    repair: 3000,
    split: 30_000,
    scaling: 0,
    drift: 0.0001,
    jump: 0,
    topic: 0,
    think: 60,
    doubledRequests: 0.02,
  },
  options: {
    ...{ requestTimeoutMs: 5000, checkpointBytes: 20_000, windowPositions: 4096, lagBytes: 1 << 20 },
    ...{ unorderedEvents: 2000, unorderedBytes: 256 << 10 },
  },
}

type Drawn = Partial<Weather> & { slow?: number }

const PROFILES: Record<string, (random: Random) => Drawn> = {
  calm: () => ({ rage: 10_000 }),
  lossy: (r) => ({ topicLoss: 0.3 * r.next(), directLoss: 0.2 * r.next(), doubled: 0.1, delay: 30, lateness: 0.05 }),
  gaps: () => ({
    ...{ topicLoss: 0.25, directLoss: 0.2, delay: 10, every: { kill: 2500, 'power cut': 5000 }, repair: 1200 },
    ...{ think: 5, clients: 6 },
  }),
  'slow links': () => ({ slow: 4, delay: 15, lateness: 0.01, every: { kill: 6000, pause: 6000 } }),
  'late copies': () => ({
    ...{ topic: 400, doubledRequests: 0.3, clients: 5, think: 10, slow: 4, delay: 15, lateness: 0.05 },
    ...{ topicLoss: 0.05, every: { kill: 5000, pause: 5000, 'cut from broker': 4000 }, repair: 1500 },
  }),
  crashes: () => ({ every: { kill: 3000, 'power cut': 4000 }, topicLoss: 0.01 }),
  'crash points': () => ({ every: { 'crash point': 1200 }, fsync: 30, repair: 1500 }),
  churn: () => ({ every: { kill: 900, 'power cut': 1500 }, repair: 1200, delay: 15, topicLoss: 0.05 }),
  'ref cut': () => ({ every: { 'cut from ref': 1500, isolation: 4000, kill: 4000 }, repair: 6000, doubled: 0.05 }),
  'ref restarts': () => ({ every: { 'ref restart': 2500, kill: 3000 }, repair: 4000, delay: 20 }),
  'ref lost': () => ({ every: { 'ref state lost': 5000, kill: 3000, 'power cut': 5000, 'cut from ref': 5000 } }),
  partitions: () => ({ every: { cut: 1500, isolation: 2500 }, repair: 5000, topicLoss: 0.05 }),
  splits: () => ({ every: { split: 5000 }, rage: 60_000, think: 200 }),
  'splits and kills': () => ({ every: { split: 3000, kill: 30_000 }, repair: 1500, rage: 90_000, think: 200 }),
  flapping: () => ({ every: { cut: 400, 'cut from ref': 700, isolation: 900 }, repair: 1500, delay: 10 }),
  'all down': () => ({ every: { 'all down': 5000, 'several down': 4000, 'power cut': 6000 }, repair: 2500 }),
  blackouts: () => ({
    ...{ every: { 'all down': 4000, 'several down': 3000, 'power cut': 2500 }, fsync: 300, repair: 1500 },
    ...{ think: 5, clients: 6 },
  }),
  'slow disks': () => ({ fsync: 400, every: { kill: 4000, 'power cut': 5000 } }),
  checkpoints: () => ({
    ...{ every: { 'power cut': 2000, 'several down': 6000, kill: 4000 }, fsync: 80, repair: 1000, think: 10 },
    options: { ...CALM.options, checkpointBytes: 3000 },
  }),
  'failing disks': () => ({ fsync: 40, fsyncFails: 0.003, every: { 'full disk': 3000, kill: 6000 }, repair: 4000 }),
  'lost disks': () => ({ every: { 'lost disk': 4000, kill: 3000, 'cut from ref': 5000 }, repair: 4000 }),
  'damaged disks': () => ({ every: { damage: 2000, kill: 4000, 'power cut': 5000 }, repair: 2500 }),
  'old backups': () => ({ every: { 'old backup': 2500, kill: 2500, 'power cut': 5000 }, repair: 2500 }),
  pauses: () => ({ every: { pause: 2000, kill: 8000 }, repair: 8000 }),
  'long pauses': () => ({ every: { pause: 12_000, kill: 15_000 }, repair: 70_000, rage: 100_000, think: 400 }),
  laggards: () => ({
    ...{
      every: { split: 2500, 'ref restart': 3000, pause: 9000, 'full disk': 9000 },
      repair: 10_000,
      split: 10_000,
      fsync: 10,
    },
    ...{ think: 5, clients: 8, publishers: 6 },
    options: { ...CALM.options, lagBytes: 2500 },
  }),
  clocks: () => ({
    ...{ every: { kill: 7000, pause: 5000, cut: 3000, isolation: 6000, 'cut from ref': 6000 }, slow: 4, delay: 20 },
    ...{ lateness: 0.02, directLoss: 0.05, doubled: 0.05, clients: 1, think: 500 },
  }),
  'wrong clocks': () => ({ every: { 'clock jump': 1500, kill: 5000 }, drift: 0.02, jump: 3_600_000 }),
  scaling: () => ({ scaling: 1, every: { kill: 5000, 'cut from ref': 8000, 'power cut': 9000 }, delay: 10 }),
  rescaling: () => ({
    ...{ scaling: 3, every: { 'several down': 1200, kill: 3000 }, rage: 50_000, repair: 1200, fsync: 120 },
    ...{ topicLoss: 0.05, think: 30 },
  }),
  'broker restarts': () => ({
    every: { 'broker restart': 2500, 'proxy restart': 2500, 'cut from broker': 2500, kill: 5000 },
  }),
  storm: (r) => ({
    ...{ topicLoss: 0.15 * r.next(), directLoss: 0.1, doubled: 0.05, delay: 40, lateness: 0.03, fsync: 60, slow: 2 },
    ...{ rage: 60_000, fsyncFails: 0.0005, drift: 0.005, jump: 3_600_000, doubledRequests: 0.1 },
    every: {
      ...{ kill: 10_000, 'power cut': 12_000, 'all down': 50_000, 'several down': 40_000, 'ref restart': 20_000 },
      ...{ cut: 12_000, isolation: 15_000, 'cut from ref': 12_000, 'cut from broker': 18_000, pause: 18_000 },
      ...{ 'crash point': 15_000, 'lost disk': 30_000, damage: 25_000, 'full disk': 25_000, 'broker restart': 25_000 },
      ...{ 'clock jump': 20_000 },
    },
  }),
}

export const PROFILE_NAMES = Object.keys(PROFILES)

/** Behind a profile's name: the same weather, with services that refuse at random. */
const MOODY = ', moody'
const MOODY_SEEDS = 4
const MOODS = { moods: 0.4, doubledRequests: 0.3 }

export const isProfile = (name: string): boolean => PROFILE_NAMES.includes(name.replace(MOODY, ''))
export const nameOf = ({ profile, moods }: Weather): string => (moods > 0 ? profile + MOODY : profile)

/** @param forced a profile's name, perhaps moody: a kept seed means the same weather when profiles are added */
export function drawWeather(seed: number, random: Random, forced?: string): Weather {
  const drawn = random.pick(PROFILE_NAMES)
  const isMoody = forced === undefined ? seed % MOODY_SEEDS === 0 : forced.endsWith(MOODY)
  const profile = forced?.replace(MOODY, '') ?? drawn
  const make = PROFILES[profile]
  if (make === undefined)
    throw new Error(`no profile ${JSON.stringify(profile)}; there are ${PROFILE_NAMES.join(', ')}`)
  const servers = random.pick([3, 3, 3, 3, 4, 5, 5, 7])
  const think = random.pick([10, 60, 200])
  const { slow = 0, ...rest } = make(random)
  const weather = { ...CALM, profile, moods: 0, servers, think, ...rest, ...(isMoody ? MOODS : {}) }
  if (weather.scaling > 0) weather.servers = 3
  const name = (): string =>
    random.pick(['ref', 'broker', ...Array.from({ length: weather.servers }, (_, i) => `s${i + 1}`)])
  const slowLinks = new Set(Array.from({ length: slow }, () => `${name()}>${name()}`))
  return { ...weather, slowLinks }
}
