/**
 * The Berkeley algorithm (Gusella and Zatti 1989, "The Accuracy of the Clock Synchronization Achieved by TEMPO in Berkeley
 * UNIX 4.3BSD"): one server asks the others for their time, corrects each answer by half the round trip, throws out the
 * clocks that do not belong to the largest set within a tolerance of each other, and averages the rest. Nobody is taken for
 * right: the agreed time is what the clocks that agree show on average.
 *
 * An answer was given at some moment between question and answer, so half the round trip bounds the error, and the drift
 * since then adds to it. The answer whose bound is smallest now counts: a short round trip, until it is too long ago.
 *
 * Limits: a majority of wrong clocks that agree is right. Pure.
 */
import type { Rank } from '../protocol/replica.ts'
import type { Reading } from './physical.ts'

/** How far apart clocks may be that are averaged, ms. */
export const TOLERANCE_MS = 10_000

/** One measurement of another clock. */
export type Sample = {
  /** How far its raw clock is ahead of the asker's, and by how much that may be wrong, ms. */
  offset: number
  half: number
  /** When it was asked, on the asker's raw clock, and what its own raw clock showed. */
  asked: number
  raw: number
  /** By how much the two may drift apart, ppm. */
  ppm: number
}

/**
 * @param asked when the question left, and `answered` when the answer came, on the asker's raw clock
 * @param driftBound by how much the asker's clock may run wrong, ppm
 */
export function sampleOf(reading: Reading, asked: number, answered: number, driftBound: number): Sample {
  const half = (answered - asked) / 2
  return { offset: reading.raw - (asked + half), half, asked, raw: reading.raw, ppm: driftBound + reading.driftBound }
}

/**
 * By how much a sample's offset may be wrong at `raw` on the asker's raw clock, ms. That clock may run slow itself, so a little
 * more time has passed than it shows.
 */
export function errorOf({ half, asked, ppm }: Sample, raw: number): number {
  const drift = ppm / 1e6
  return half + (drift / (1 - drift)) * (raw - asked)
}

/**
 * Of two samples of one clock the one to believe, at `raw` on the asker's raw clock and from then on: their bounds grow alike.
 */
export const betterSample = (known: Sample | null, sample: Sample, raw: number): Sample =>
  known !== null && errorOf(known, raw) <= errorOf(sample, raw) ? known : sample

/**
 * A clock as the coordinator sees it, against its own raw clock, ms: what it shows, and where it will show once what it
 * was told before is done. `fresh`: its opinion has not been heard in any round.
 */
export type Clock = { rank: Rank; shows: number; wants: number; fresh: boolean }

/** The agreed time against the coordinator's raw clock; whose clocks made it, and whose do not belong to them. */
export type Agreement = { at: number; voters: Rank[]; thrownOut: Rank[] }

/**
 * What a majority of clocks agree on. A clock that has just come, or was set, does not move a majority that has agreed
 * before; it is told the time.
 * @param members how many there are in the view, whether they answered or not
 * @returns null when no majority is within the tolerance of each other
 */
export function agree(clocks: readonly Clock[], members: number, tolerance = TOLERANCE_MS): Agreement | null {
  const isMajority = (set: readonly Clock[]): boolean => set.length * 2 > members
  let voters = largestSet(
    clocks.filter(({ fresh }) => !fresh),
    tolerance,
  )
  if (!isMajority(voters)) voters = largestSet(clocks, tolerance)
  if (!isMajority(voters)) return null
  const at = voters.reduce((sum, { wants }) => sum + wants / voters.length, 0)
  const thrownOut = clocks.filter((clock) => !voters.includes(clock) && !fits([...voters, clock], tolerance))
  const ranks = (set: readonly Clock[]): Rank[] => set.map(({ rank }) => rank).sort((a, b) => a - b)
  return { at, voters: ranks(voters), thrownOut: ranks(thrownOut) }
}

/**
 * The largest set of clocks within the tolerance of each other, in what they show and in where they go; of equally large
 * ones the narrowest. Any such set lies between its earliest clock and the tolerance above it, both ways.
 */
function largestSet(clocks: readonly Clock[], tolerance: number): Clock[] {
  let best: Clock[] = []
  for (const { shows } of clocks) {
    for (const { wants } of clocks) {
      const set = clocks.filter(
        (clock) =>
          clock.shows >= shows &&
          clock.shows <= shows + tolerance &&
          clock.wants >= wants &&
          clock.wants <= wants + tolerance,
      )
      if (set.length > best.length || (set.length === best.length && spread(set) < spread(best))) best = set
    }
  }
  return best
}

const fits = (set: readonly Clock[], tolerance: number): boolean => spread(set) <= tolerance

function spread(set: readonly Clock[]): number {
  const width = (values: number[]): number => Math.max(...values) - Math.min(...values)
  return Math.max(width(set.map(({ shows }) => shows)), width(set.map(({ wants }) => wants)))
}
