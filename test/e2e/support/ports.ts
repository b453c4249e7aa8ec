/** Ports for a cluster beside whatever else runs, also other test files at the same moment. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { planCluster, portsOf } from '../../../src/cluster/plan.ts'
import { loadConfig } from '../../../src/platform/config.ts'

/** Below the ephemeral ports (32768 …) that connections take, so that none of those can be in the way. */
const HIGHEST_OFFSET = 22_000
const STEP = 200
/** A port that no cluster uses: whoever holds it at some offset has reserved that offset. */
const GUARD = 5554

/** A PORT_OFFSET at which every port of such a cluster is free; reserved until this process ends. */
export async function freeOffset(env: Record<string, string>): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const offset = randomInt(1, HIGHEST_OFFSET / STEP) * STEP
    const variables = { ...env, PORT_OFFSET: String(offset) }
    const config = loadConfig(variables)
    if (!(await bind(GUARD + offset, true))) continue
    const free = await Promise.all(portsOf(config, planCluster(config, variables)).map(({ port }) => bind(port, false)))
    if (free.every(Boolean)) return offset
  }
  throw new Error('found no PORT_OFFSET whose ports are all free')
}

/** Whether a port could be bound; lets go of it unless told to keep it. */
function bind(port: number, keep: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => {
      server.unref()
      if (keep) resolve(true)
      else server.close(() => resolve(true))
    })
  })
}
