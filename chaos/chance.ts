/** Seeded choices. */
import { random } from '../test/e2e/support/garbage.ts'

export type Chance = {
  /** A number in [0, 1). */
  next(): number
  /** A number in [from, to). */
  between(from: number, to: number): number
  pick<T>(all: readonly T[]): T
}

export function createChance(seed: number): Chance {
  const next = random(seed)
  return {
    next,
    between: (from, to) => from + next() * (to - from),
    pick: (all) => all[Math.floor(next() * all.length)]!,
  }
}
