/** How much faster a clock runs than the agreed time: the slope of the best line through what the rounds measured. */

/** Rounds that the line goes through, how far they reach back, and over how long they must spread, ms. */
const MOST_POINTS = 60
const WINDOW_MS = 300_000
const LEAST_SPREAD_MS = 15_000
const LEAST_POINTS = 4
/** A round that moves the agreed time by more than this says nothing about anybody's speed, ms. */
const MOVED_MS = 20

export type Drift = { points: { raw: number; ahead: number }[] }

export const createDrift = (): Drift => ({ points: [] })

/** Notes that at `raw` on its own time a clock was `ahead` of the agreed time, ms. */
export function noteOffset(drift: Drift, raw: number, ahead: number): void {
  const last = drift.points.at(-1)
  if (last !== undefined && Math.abs(ahead - last.ahead) > MOVED_MS) drift.points = []
  drift.points.push({ raw, ahead })
  const oldest = raw - WINDOW_MS
  drift.points = drift.points.filter((point) => point.raw >= oldest).slice(-MOST_POINTS)
}

/** Parts per million, positive when the clock runs fast; null while too little is known. */
export function driftPpm({ points }: Drift): number | null {
  const first = points[0]
  const last = points.at(-1)
  if (first === undefined || last === undefined) return null
  if (points.length < LEAST_POINTS || last.raw - first.raw < LEAST_SPREAD_MS) return null
  const mean = (of: (point: Drift['points'][number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const x = mean(({ raw }) => raw - first.raw)
  const y = mean(({ ahead }) => ahead - first.ahead)
  let over = 0
  let under = 0
  for (const { raw, ahead } of points) {
    const dx = raw - first.raw - x
    over += dx * (ahead - first.ahead - y)
    under += dx * dx
  }
  return (over / under) * 1e6
}
