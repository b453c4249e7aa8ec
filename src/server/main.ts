/** The server's process. */
import { runRole } from '../platform/role.ts'
import { startServer } from './server.ts'

runRole('server', startServer)
