/** A queue that is read with `for await`, bounded in number and in bytes. */

export type Stream<T> = {
  /**
   * @param bytes what the item takes, roughly
   * @returns how many were dropped: none, or the oldest half when it was full
   */
  push(item: T, bytes: number): number
  end(): void
  /** @param onReturn called when the reader leaves its loop */
  iterate(onReturn: () => void): AsyncIterator<T>
}

const MOST_ITEMS = 100_000
/** As they came; decoded they take a few times as much. */
const MOST_BYTES = 32 << 20

export function createStream<T>(): Stream<T> {
  let items: { item: T; bytes: number }[] = []
  let head = 0
  let held = 0
  let ended = false
  let waiting: ((result: IteratorResult<T>) => void)[] = []

  const take = (): T => {
    const { item, bytes } = items[head++]!
    held -= bytes
    if (head === items.length) {
      items = []
      head = 0
    }
    return item
  }
  return {
    push(item, bytes) {
      if (ended) return 0
      const reader = waiting.shift()
      if (reader !== undefined) {
        reader({ done: false, value: item })
        return 0
      }
      items.push({ item, bytes })
      held += bytes
      const waits = items.length - head
      if (waits < MOST_ITEMS && held < MOST_BYTES) return 0
      const dropped = Math.ceil(waits / 2)
      items = items.slice(head + dropped)
      head = 0
      held = items.reduce((sum, one) => sum + one.bytes, 0)
      return dropped
    },
    end() {
      ended = true
      for (const reader of waiting) reader({ done: true, value: undefined })
      waiting = []
    },
    iterate: (onReturn) => ({
      next() {
        if (head < items.length) return Promise.resolve({ done: false, value: take() })
        if (ended) return Promise.resolve({ done: true, value: undefined })
        return new Promise((resolve) => waiting.push(resolve))
      },
      return() {
        onReturn()
        return Promise.resolve({ done: true, value: undefined })
      },
    }),
  }
}
