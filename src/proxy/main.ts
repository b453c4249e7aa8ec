/** The proxy's process. */
import { runRole } from '../platform/role.ts'
import { startProxy } from './proxy.ts'

runRole('proxy', async ({ config, log, onStop, setHealth }) => {
  onStop(await startProxy(config, log))
  setHealth(true)
})
