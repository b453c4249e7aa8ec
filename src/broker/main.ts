/** The broker's process. */
import { runRole } from '../platform/role.ts'
import { startBroker } from './broker.ts'

/** Part of the 5 s that a process has for stopping. */
const GRACE_MS = 2500

runRole('broker', async ({ config, log, onStop, setHealth }) => {
  const broker = await startBroker(config, log, (workers) => setHealth(workers > 0, { workers }))
  onStop(() => broker.stop(GRACE_MS))
})
