/** Work that takes much memory, a few at a time; whoever comes when all turns are taken waits, first come, first served. */
import { onAbort } from '../client/waiting.ts'

export type Turns = {
  /** How many are taken. */
  readonly taken: number
  /**
   * Works when it is its turn, and gives that back when the work has ended.
   * @throws what the work throws; the signal's reason when that ends the wait
   */
  take<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

/** @param most so many at a time */
export function createTurns(most: number): Turns {
  const waiting = new Set<() => void>()
  let taken = 0

  const wait = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        forget()
        waiting.delete(start)
        taken++
        resolve()
      }
      waiting.add(start)
      const forget = onAbort(signal, () => {
        waiting.delete(start)
        reject(signal.reason)
      })
    })
  return {
    get taken() {
      return taken
    },
    async take(work, signal) {
      signal.throwIfAborted()
      if (taken < most) taken++
      else await wait(signal)
      try {
        return await work()
      } finally {
        taken--
        for (const start of waiting) {
          start()
          break
        }
      }
    },
  }
}
