/** The process of one automatic client. */
import { runRole } from '../platform/role.ts'
import { runBot } from './bot.ts'
import { connect } from './client.ts'
import { randomName } from './names.ts'

/** How long the last calls may take when stopping. */
const GRACE_MS = 1500

runRole('client', async ({ config, log, onStop, setHealth, setClock }) => {
  const client = connect({ broker: config.brokerUrls, proxy: config.proxyOutUrls, log })
  setClock(() => client.clock)
  const abort = new AbortController()
  onStop(async () => {
    abort.abort()
    await client.close(GRACE_MS)
  })
  const name = randomName(Math.random)
  const onReady = (): void => setHealth(true, { name })
  log.info({ name, brokers: config.brokerUrls, proxies: config.proxyOutUrls }, 'a bot begins')
  await runBot({ client, log, name, rate: config.botRate, random: Math.random, signal: abort.signal, onReady })
})
