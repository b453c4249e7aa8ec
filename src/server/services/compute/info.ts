import { statelessService } from '../../../protocol/service.ts'
import { nothing } from '../schema.ts'

/** What the server that happens to answer runs on. */
export const info = statelessService({
  name: 'info',
  summary: 'What a server runs on, and for how long: of whichever answers.',
  schema: nothing,
  answer(_, { server, version, node, os, uptimeSeconds }) {
    return { data: { status: 'sucesso', server, version, node, os, uptime: uptimeSeconds() } }
  },
})
