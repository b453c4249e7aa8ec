/** The broker's process. */
import { runRole } from '../platform/role.ts'
import { startBroker } from './broker.ts'

/** For what is still on its way; when a cluster stops, its servers have answered and gone by then. */
const GRACE_MS = 800

runRole('broker', async ({ config, log, onStop, setHealth, setClock }) => {
  const broker = await startBroker(config, log, (workers) => setHealth(workers > 0, { workers }))
  setClock(() => broker.clock)
  onStop(() => broker.stop(GRACE_MS))
})
