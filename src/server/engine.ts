/**
 * Runs the replica: all that arrives in one turn of the event loop goes into one step of the core, whose effects are
 * carried out in order. A commit that was durable at once goes on in the same turn. Of requests a step takes only so many,
 * so that however many arrive, what the other servers say and wait for comes in between.
 */
import { type Replica, step } from '../core/replica.ts'
import type { ClientRequest, Effect, Input } from '../core/types.ts'
import type { ClusterTime } from './time.ts'

export type Effects = {
  /** To be told of all effects of a step before the first is carried out; null when it need not be. */
  readonly announce: ((effects: readonly Effect[]) => void) | null
  /** @returns an input that follows from it at once, or null */
  carryOut(effect: Effect): Input | null
  /**
   * More requests wait than the next step takes: somebody else may have the rest.
   * @returns those that stay
   */
  handBack(requests: ClientRequest[], share: number): ClientRequest[]
  /** The effects of one step are all carried out. */
  stepDone(): void
}

export type Engine = {
  readonly replica: Replica
  /** Hands an input to the replica in this turn of the event loop. */
  post(input: Input): void
  /** The same for requests. */
  request(requests: readonly ClientRequest[]): void
  /** From now on nothing happens any more. */
  stop(): void
}

const REQUESTS_PER_STEP = 2000
/** A step that takes longer is too long: the others wait for what this server says, and so does `ref`. */
const STEP_MS = 20

/**
 * How many requests the next step takes: as many as the last one says can be done in time. A service that computes for
 * long would otherwise keep this server silent until it is taken for dead.
 */
export function nextShare(share: number, taken: number, tookMs: number): number {
  if (tookMs > STEP_MS) return Math.max(1, Math.min(share, Math.floor((taken * STEP_MS) / tookMs)))
  return tookMs > STEP_MS / 2 ? share : Math.min(REQUESTS_PER_STEP, Math.max(share, taken * 2))
}

export function createEngine(replica: Replica, time: ClusterTime, effects: Effects): Engine {
  let inputs: Input[] = []
  let requests: ClientRequest[] = []
  let share = REQUESTS_PER_STEP
  let scheduled = false
  let stopped = false

  const runOnce = (): void => {
    const taken = inputs
    let taking = 0
    inputs = []
    if (requests.length > 0) {
      const some = requests.length > share ? requests.splice(0, share) : requests
      if (some === requests) requests = []
      taking = some.length
      taken.push({ type: 'requests', requests: some, time: time.now() })
    }
    const from = performance.now()
    const todo = step(replica, from, taken)
    effects.announce?.(todo)
    for (const effect of todo) {
      const follows = effects.carryOut(effect)
      if (follows !== null) inputs.push(follows)
    }
    effects.stepDone()
    if (taking > 0) share = nextShare(share, taking, performance.now() - from)
  }
  const run = (): void => {
    scheduled = false
    if (stopped) return
    do runOnce()
    while (inputs.length > 0 && !stopped)
    if (requests.length > share) requests = effects.handBack(requests, share)
    if (requests.length > 0) schedule()
  }
  const schedule = (): void => {
    if (scheduled || stopped) return
    scheduled = true
    setImmediate(run)
  }
  return {
    replica,
    post(input) {
      inputs.push(input)
      schedule()
    },
    request(more) {
      for (const one of more) requests.push(one)
      schedule()
    },
    stop() {
      stopped = true
    },
  }
}
