/**
 * A server's two physical clocks. Problem: processes' own clocks disagree, yet what a cluster stamps on its events must
 * neither disagree much nor ever go back.
 *
 * The raw clock is the machine's wall clock as it was at the start, carried on by the monotonic one, plus what was made
 * wrong on purpose. The synchronised clock is the raw one plus `adjust`, which moves towards `goal`, where the newest
 * correction wants it: at a rate between half and double once more than FAR_MS off and until a correction finds it near,
 * otherwise by SLOW of the elapsed time. So every correction is absolute ("raw + goal is the agreed time"), may be lost or
 * repeated, and what is still pending never counts twice.
 *
 * A jump of the machine's wall clock (somebody set it) moves the raw clock and nothing else: it is an opinion for the
 * next round (`jumped`), in which the others may share it or not. Until then the synchronised clock holds its course.
 *
 * Pure: monotonic and wall time are arguments, ms.
 */
import { createDrift, type Drift, noteOffset } from './drift.ts'

/** Further off than this a clock is brought near quickly; so near, it is near. ms */
const FAR_MS = 100
export const NEAR_MS = 2
/** How much of the elapsed time is made good: quickly when behind (rate 1.9) or ahead (0.55), and slowly. */
const CATCH_UP = 0.9
const FALL_BACK = 0.45
const SLOW = 500e-6
/** What a machine's clock may run wrong, beside what it is made to. */
const USUAL_DRIFT_PPM = 100
/** Wall clock against monotonic clock: from here on it was set, ms. */
const JUMP_MS = 50

/** What is made wrong on purpose. */
export type Wrong = { skewMs: number; driftPpm: number }

/** How wrong a measured offset may be: `half` when it was measured, growing with the raw clock since `since`. */
export type Bound = { half: number; ppm: number; since: number }

/** What a clock says of itself; `wants` is where it would have `adjust` go. */
export type Reading = {
  raw: number
  adjust: number
  wants: number
  /** It has an opinion that no round has heard: it has just started, or its wall clock was set. */
  fresh: boolean
  /** Counts jumps: a correction of before a jump is not for the clock of after it. */
  epoch: number
  /** By how much it may run wrong, ppm. */
  driftBound: number
}

export type Correction = { goal: number; epoch: number; bound: Bound }

export type PhysicalClock = {
  readonly rate: number
  readonly driftBound: number
  /** At `origin` on the monotonic clock the raw clock showed `base` and the wall clock `wall`. */
  readonly origin: number
  base: number
  wall: number
  epoch: number
  jumped: number
  fresh: boolean
  adjust: number
  goal: number
  fast: boolean
  /** Up to when `adjust` is slewed, monotonic; and the latest time shown. */
  at: number
  shown: number
  bound: Bound | null
  readonly drift: Drift
}

export function createPhysical(mono: number, wall: number, { skewMs, driftPpm }: Wrong): PhysicalClock {
  return {
    ...{ rate: 1 + driftPpm / 1e6, driftBound: USUAL_DRIFT_PPM + Math.abs(driftPpm) },
    ...{ origin: mono, base: wall + skewMs, wall, epoch: 0, jumped: 0, fresh: true },
    ...{ adjust: 0, goal: 0, fast: false, at: mono, shown: Number.NEGATIVE_INFINITY },
    ...{ bound: null, drift: createDrift() },
  }
}

/** The raw clock, ms since 1970. */
export const rawAt = (clock: PhysicalClock, mono: number): number => clock.base + (mono - clock.origin) * clock.rate

/** The synchronised clock, ms since 1970. It never goes back, whatever it is asked. */
export function syncedAt(clock: PhysicalClock, mono: number): number {
  slew(clock, mono)
  clock.shown = Math.max(clock.shown, rawAt(clock, mono) + clock.adjust)
  return clock.shown
}

export function readingAt(clock: PhysicalClock, mono: number): Reading {
  slew(clock, mono)
  const { adjust, goal, jumped, fresh, epoch, driftBound } = clock
  return { raw: rawAt(clock, mono), adjust, wants: goal + jumped, fresh, epoch, driftBound }
}

/** Takes a correction. @returns false when it is for the clock of before a jump */
export function correct(clock: PhysicalClock, mono: number, { goal, epoch, bound }: Correction): boolean {
  if (epoch !== clock.epoch) return false
  slew(clock, mono)
  Object.assign(clock, { goal, bound, jumped: 0, fresh: false })
  noteOffset(clock.drift, rawAt(clock, mono), -goal)
  const off = Math.abs(goal - clock.adjust)
  if (off > FAR_MS) clock.fast = true
  else if (off <= NEAR_MS) clock.fast = false
  return true
}

/** Compares the wall clock with the monotonic one. @returns by how much it was set, ms; 0 when it was not */
export function noticeWall(clock: PhysicalClock, mono: number, wall: number): number {
  const jump = wall - (clock.wall + mono - clock.origin)
  if (Math.abs(jump) < JUMP_MS) return 0
  slew(clock, mono)
  clock.wall += jump
  clock.base += jump
  clock.adjust -= jump
  clock.goal -= jump
  clock.jumped += jump
  clock.fresh = true
  clock.epoch++
  if (clock.bound !== null) clock.bound = { ...clock.bound, since: clock.bound.since + jump }
  clock.drift.points = []
  return jump
}

/** By how much the goal may be wrong, ms; null when nothing is known. */
export function errorAt(clock: PhysicalClock, mono: number): number | null {
  if (clock.bound === null) return null
  const { half, ppm, since } = clock.bound
  return half + (ppm / 1e6) * (rawAt(clock, mono) - since)
}

/** Whether it runs at between half and double speed now. */
export const isSlewing = (clock: PhysicalClock): boolean => clock.fast && clock.adjust !== clock.goal

function slew(clock: PhysicalClock, mono: number): void {
  const elapsed = (mono - clock.at) * clock.rate
  if (elapsed <= 0) return
  clock.at = mono
  const pending = clock.goal - clock.adjust
  if (pending === 0) return
  const speed = !clock.fast ? SLOW : pending > 0 ? CATCH_UP : FALL_BACK
  const most = elapsed * speed
  clock.adjust = Math.abs(pending) <= most ? clock.goal : clock.adjust + Math.sign(pending) * most
}
