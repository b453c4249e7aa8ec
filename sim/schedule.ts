/** Virtual time: what happens when, in a binary heap; ties in the order they were planned. */
export type Schedule = {
  readonly now: number
  /** Plans something in `delay` ms of virtual time. */
  after(delay: number, action: () => void): void
  /** Runs everything up to a time. */
  runUntil(time: number): void
}

type Planned = { at: number; order: number; action: () => void }

/** More than this in one seed is a message storm, which is a failure of its own. */
const MOST_ACTIONS = 2_000_000

export function createSchedule(): Schedule {
  const heap: Planned[] = []
  let now = 0
  let order = 0
  let done = 0
  const before = (a: Planned, b: Planned): boolean => (a.at !== b.at ? a.at < b.at : a.order < b.order)
  const push = (item: Planned): void => {
    let at = heap.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(item, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = item
  }
  const pop = (): Planned => {
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) {
      let at = 0
      for (;;) {
        let child = at * 2 + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
        if (!before(heap[child]!, last)) break
        heap[at] = heap[child]!
        at = child
      }
      heap[at] = last
    }
    return top
  }
  return {
    get now() {
      return now
    },
    after(delay, action) {
      push({ at: now + delay, order: order++, action })
    },
    runUntil(time) {
      while (heap.length > 0 && heap[0]!.at <= time) {
        const item = pop()
        now = item.at
        if (++done > MOST_ACTIONS) throw new Error(`a storm: ${MOST_ACTIONS} actions by ${now} ms of virtual time`)
        item.action()
      }
      now = time
    },
  }
}
