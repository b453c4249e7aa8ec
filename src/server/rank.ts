/** Which rank this server has: ref says, and the lock on the rank's directory decides. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../platform/config.ts'
import { type DirectoryLock, lockDirectory } from '../platform/lock.ts'
import type { Log } from '../platform/log.ts'
import { StartError } from '../platform/role.ts'
import { isCount, type Rank } from '../protocol/replica.ts'
import type { Link } from './link.ts'

/** A server that is stopping lets go of its directory within 5 s; only then does another rank make sense. */
const PATIENCE_MS = 6000
const RETRY_MS = 250

export type Place = { rank: Rank; directory: string; lock: DirectoryLock }

/**
 * Asks ref for the rank of this server's name and locks its directory; for another one when that is in use.
 * @throws {StartError} when ref refuses, or a directory cannot be used
 */
export async function findPlace(config: Pick<Config, 'name' | 'dataDir'>, ref: Link, log: Log): Promise<Place> {
  const exclude: Rank[] = []
  for (;;) {
    const answer = await ref.ask('rank', { user: config.name, exclude })
    if (answer === null || !isCount(answer.rank) || answer.rank < 1)
      throw new StartError(`ref gave no rank for ${config.name}: ${String(answer?.description ?? 'no reason')}`)
    const rank = answer.rank as Rank
    const directory = join(config.dataDir, `server-${rank}`)
    const lock = await lockPatiently(directory, log)
    if (lock !== null) return { rank, directory, lock }
    log.warn({ rank }, `${directory} stays in use by another process; asking ref for another rank`)
    exclude.push(rank)
  }
}

/** The lock, or null when another process keeps it. */
async function lockPatiently(directory: string, log: Log): Promise<DirectoryLock | null> {
  let told = false
  for (const until = performance.now() + PATIENCE_MS; ; await sleep(RETRY_MS)) {
    try {
      return await lockDirectory(directory)
    } catch (error) {
      if (!(error instanceof StartError) || !error.message.includes('in use')) throw error
      if (performance.now() >= until) return null
      if (!told) log.info(`${error.message}; waiting for it to end`)
      told = true
    }
  }
}
