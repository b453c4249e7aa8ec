/** A load: so many calls in flight for so long, and how long each took. */

export type Measured = { perSecond: number; seconds: number; calls: number; failed: number; latencies: Float64Array }

const MOST_LATENCIES = 5_000_000

/**
 * Keeps `inFlight` calls under way for `seconds`, then waits for the last ones.
 * @param call makes the i-th call
 */
export async function measureCalls(
  call: (i: number) => Promise<unknown>,
  inFlight: number,
  seconds: number,
): Promise<Measured> {
  const latencies = new Float64Array(MOST_LATENCIES)
  let calls = 0
  let failed = 0
  let next = 0
  const begun = performance.now()
  const end = begun + seconds * 1000
  const lane = (): Promise<void> =>
    new Promise((resolve) => {
      const again = (): void => {
        const at = performance.now()
        if (at >= end) return resolve()
        const done = (): void => {
          if (calls < MOST_LATENCIES) latencies[calls] = performance.now() - at
          calls++
          again()
        }
        call(next++).then(done, () => {
          failed++
          again()
        })
      }
      again()
    })
  await Promise.all(Array.from({ length: inFlight }, lane))
  const took = (performance.now() - begun) / 1000
  const taken = latencies.subarray(0, Math.min(calls, MOST_LATENCIES)).sort()
  return { perSecond: calls / took, seconds: took, calls, failed, latencies: taken }
}

/** @param sorted ascending  @param part 0.5 for the median */
export const percentile = (sorted: Float64Array, part: number): number =>
  sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
