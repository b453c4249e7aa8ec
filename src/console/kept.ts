/** The newest items of a feed, without a gap, in order of position. */

/** One event of a stream: its position, and the text that is sent. */
export type Item = { n: number; text: string }

export type Kept = {
  /** Everything above this position is here. */
  readonly base: number
  add(item: Item): void
  /** The first item above a position, or null when there is none. The position must not be below `base`. */
  next(after: number): Item | null
}

const MOST_ITEMS = 1000
const MOST_CHARACTERS = 256 << 10

/** @param from everything above this position will be added */
export function createKept(from: number): Kept {
  const items: Item[] = []
  let held = 0
  let base = from
  return {
    get base() {
      return base
    },
    add(item) {
      items.push(item)
      held += item.text.length
      while (items.length > 1 && (items.length > MOST_ITEMS || held > MOST_CHARACTERS)) {
        const oldest = items.shift()!
        held -= oldest.text.length
        base = oldest.n
      }
    },
    next(after) {
      if (items.length === 0 || items.at(-1)!.n <= after) return null
      return items[firstAbove(items, after)]!
    },
  }
}

function firstAbove(items: readonly Item[], after: number): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (items[middle]!.n > after) high = middle
    else low = middle + 1
  }
  return low
}
