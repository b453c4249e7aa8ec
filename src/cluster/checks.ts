/** What must hold before anything is started: ports free, data directory usable and nobody else's. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Config } from '../platform/config.ts'
import { type DirectoryLock, lockDirectory } from '../platform/lock.ts'
import { StartError } from '../platform/role.ts'
import { type ProcessPlan, portsOf } from './plan.ts'

/**
 * Takes the data directory and makes sure that all ports are free. A missing directory is made last, so that a
 * start that cannot be leaves nothing behind.
 * @throws {StartError}
 */
export async function prepare(config: Config, plans: readonly ProcessPlan[]): Promise<DirectoryLock> {
  if (!existsSync(config.dataDir)) {
    await checkPorts(config, plans)
    return takeData(config.dataDir)
  }
  const lock = await takeData(config.dataDir)
  try {
    await checkPorts(config, plans)
  } catch (error) {
    await lock.release()
    throw error
  }
  return lock
}

async function takeData(directory: string): Promise<DirectoryLock> {
  try {
    return await lockDirectory(directory)
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    const line = error.message.replace('in use by another process', 'in use by another cluster')
    const remedy = line === error.message ? '' : '; DATA_DIR=… takes a different one'
    throw new StartError(`data directory ${line}${remedy}`)
  }
}

async function checkPorts(config: Config, plans: readonly ProcessPlan[]): Promise<void> {
  const taken = new Map<number, string>()
  for (const { port, owner } of portsOf(config, plans)) {
    const other = taken.get(port)
    if (other !== undefined) throw new StartError(`port ${port} is wanted twice: ${other}; ${owner}`)
    taken.set(port, owner)
    const code = await tryPort(config.bindHost, port)
    if (code !== null) throw new StartError(`port ${port} (${owner}) ${WHY[code] ?? `cannot be used: ${code}`}`)
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process; PORT_OFFSET=100 moves all ports',
  EACCES: 'may not be used by this user; PORT_OFFSET=10000 moves all ports',
  EADDRNOTAVAIL: 'cannot be bound: BIND_HOST is no address of this machine',
}

/** Binds a port and lets go of it again. @returns the code of the error, or null when the port is free */
export function tryPort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}
