/** Stopping: take no more requests, answer what is in flight, let the others catch up, leave the view, make all durable. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isQuiet } from '../core/report.ts'
import type { Log } from '../platform/log.ts'
import type { Store } from '../platform/store.ts'
import type { Engine } from './engine.ts'
import type { Link } from './link.ts'
import type { Membership } from './membership.ts'
import type { Workers } from './workers.ts'

/** Of the 5 s that a process has in all. */
const QUIET_LIMIT_MS = 3000
const LOOK_MS = 20
/** One round of acks more, so that the others too know that this server is where they are. */
const LAST_ROUND_MS = 120
const LEAVE_LIMIT_MS = 500

export type Stopping = {
  engine: Engine
  workers: Workers
  membership: Membership
  ref: Link
  store: Store
  name: string
  log: Log
}

export async function stopServer({ engine, workers, membership, ref, store, name, log }: Stopping): Promise<void> {
  const { replica } = engine
  workers.drain()
  engine.post({ type: 'drain' })
  const from = performance.now()
  const isDone = (): boolean => isQuiet(replica) && workers.unanswered === 0
  while (!isDone() && performance.now() - from < QUIET_LIMIT_MS) await sleep(LOOK_MS)
  const quiet = isDone()
  if (quiet && replica.origin !== null) await sleep(LAST_ROUND_MS)
  await workers.disconnect()
  // From here on ref must not hear that this server is there.
  membership.stop()
  const { instance, position } = replica
  const left = await ref.ask('leave', { user: name, instance }, LEAVE_LIMIT_MS)
  engine.stop()
  await store.close()
  log.info({ position, quiet, left: left !== null, ms: Math.round(performance.now() - from) }, 'stopped')
}
