/** A seeded source of chance: the same seed gives the same run, byte for byte. (sfc32, C. Doty-Humphrey) */
export type Random = {
  /** In [0, 1). */
  next(): number
  chance(probability: number): boolean
  /** A whole number in [from, to]. */
  between(from: number, to: number): number
  pick<T>(list: readonly T[]): T
  text(): string
}

export function createRandom(seed: number): Random {
  let a = 0x9e3779b9 ^ seed
  let b = 0x243f6a88
  let c = 0xb7e15162 ^ Math.imul(seed, 2654435761)
  let d = 1
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 20; i++) next()
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (list) => list[between(0, list.length - 1)]!,
    text: () => Math.floor(next() * 2 ** 32).toString(36),
  }
}
