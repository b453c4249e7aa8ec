/**
 * How a server's physical clock stands: the field `time` of what `status` answers on the peer channel.
 *
 * The cluster's agreed time is what the coordinator's clock is to show by the newest round. Offsets say how far a clock is
 * ahead of it (negative: behind).
 */
import { type Data, isMap } from './envelope.ts'

export type ClockStatus = {
  /** The server's synchronised clock, ms since 1970, to the microsecond. */
  now: number
  /** The server's own clock against the agreed time, before correction, ms. */
  rawOffsetMs: number
  /** Its synchronised clock against the agreed time, after correction as far as it has been slewed, ms. */
  offsetMs: number
  /** By how much the two offsets may be wrong, ms; null when unknown: then the offsets mean nothing. */
  errorMs: number | null
  /** How much faster than the agreed time its own clock runs, parts per million; null when not known yet. */
  driftPpm: number | null
  /** Whether the clock runs at up to double or down to half speed, because it was more than 100 ms off. */
  slewing: boolean
  /** The newest round that this server had a correction from; 0 before the first. */
  round: number
  /** The coordinator's rank, null while there is none that this server knows of. */
  coordinator: number | null
  /** The election's term: the number of the newest view; 0 before the first. */
  term: number
}

/** Reads it from a decoded `status`; null when it is not there or not well-formed. */
export function readClockStatus(value: unknown): ClockStatus | null {
  if (!isMap(value)) return null
  const { now, rawOffsetMs, offsetMs, errorMs, driftPpm, slewing, round, coordinator, term } = value as Data
  if (!isNumber(now) || !isNumber(rawOffsetMs) || !isNumber(offsetMs) || typeof slewing !== 'boolean') return null
  if (!isNumberOrNull(errorMs) || !isNumberOrNull(driftPpm) || !isNumberOrNull(coordinator)) return null
  if (!isNumber(round) || !isNumber(term)) return null
  return { now, rawOffsetMs, offsetMs, errorMs, driftPpm, slewing, round, coordinator, term }
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

const isNumberOrNull = (value: unknown): value is number | null => value === null || isNumber(value)
