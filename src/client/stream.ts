/** A bounded queue that is read with `for await`. */

export type Stream<T> = {
  /** @returns false when the queue was full and its oldest half was dropped */
  push(item: T): boolean
  end(): void
  /** @param onReturn called when the reader leaves its loop */
  iterate(onReturn: () => void): AsyncIterator<T>
}

const CAPACITY = 100_000

export function createStream<T>(): Stream<T> {
  let items: T[] = []
  let head = 0
  let ended = false
  let waiting: ((result: IteratorResult<T>) => void)[] = []

  const take = (): T => {
    const item = items[head++]!
    if (head === items.length) {
      items = []
      head = 0
    }
    return item
  }
  return {
    push(item) {
      if (ended) return true
      const reader = waiting.shift()
      if (reader !== undefined) {
        reader({ done: false, value: item })
        return true
      }
      items.push(item)
      if (items.length - head < CAPACITY) return true
      items = items.slice(head + CAPACITY / 2)
      head = 0
      return false
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
