/** The proxy's process. */
import { runRole } from '../platform/role.ts'
import { startProxy } from './proxy.ts'

runRole('proxy', async ({ config, log, onStop, setHealth, setClock }) => {
  const proxy = await startProxy(config, log)
  setClock(() => proxy.clock)
  onStop(() => proxy.stop())
  setHealth(true)
})
