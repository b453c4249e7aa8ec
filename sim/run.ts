/** Runs many seeds, on every core: worker threads take the next seed each, and what they report is added up here. */
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type RunOptions, runSeed } from './cluster.ts'
import { nameOf } from './weather.ts'

/** Nearly everything in a simulation lives for milliseconds: with room for the young, little is collected twice. */
const YOUNG_MB = 64

/** What is known of a seed afterwards; the trace only when it failed. */
export type Result = {
  seed: number
  profile: string
  servers: number
  failures: readonly string[]
  trace: readonly string[]
  faults: ReadonlyMap<string, number>
  positions: number
  acknowledged: number
  virtualMs: number
  wholeAfterMs: number
}

export type Plan = RunOptions & {
  from: number
  seeds: number
  /** No seed is begun after this many ms of real time. */
  limitMs?: number
  /** Threads; default one a core. */
  jobs?: number
  /** Ends with the first seed that fails. */
  stopAtFailure?: boolean
}

export function runOne(seed: number, options: RunOptions): Result {
  const { weather, failures, trace, faults, positions, acknowledged, virtualMs, wholeAfterMs } = runSeed(seed, options)
  const profile = nameOf(weather)
  const { servers } = weather
  const kept = failures.length > 0 ? trace : []
  return { seed, profile, servers, failures, trace: kept, faults, positions, acknowledged, virtualMs, wholeAfterMs }
}

/** Runs the seeds of a plan; resolves when all are done. @param onResult told of each, in the order they end */
export async function runSeeds(plan: Plan, onResult: (result: Result) => void): Promise<void> {
  const {
    from,
    seeds,
    limitMs = Number.POSITIVE_INFINITY,
    jobs = availableParallelism(),
    stopAtFailure,
    ...options
  } = plan
  const begun = performance.now()
  let next = from
  const take = (): number | null => (next < from + seeds && performance.now() - begun < limitMs ? next++ : null)
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB }
      const worker = new Worker(new URL(import.meta.url), { workerData: options, resourceLimits })
      const give = (): void => worker.postMessage(take())
      worker.on('message', (result: Result) => {
        onResult(result)
        if (stopAtFailure && result.failures.length > 0) next = from + seeds
        give()
      })
      worker.on('error', reject)
      worker.on('exit', () => resolve())
      give()
    })
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, work))
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  port.on('message', (seed: number | null) => {
    if (seed === null) port.close()
    else port.postMessage(runOne(seed, workerData as RunOptions))
  })
}
