/** Which processes a cluster on one machine has, and what each is told. */
import type { Config, Environment } from '../platform/config.ts'
import { PORTS } from '../protocol/ports.ts'

export type ProcessPlan = {
  /** ref, broker, proxy, console, server-1 …, bot-1 … */
  name: string
  /** The folder of its main program. */
  role: 'ref' | 'broker' | 'proxy' | 'server' | 'client' | 'console'
  healthPort: number
  env: Environment
}

/** The order in which groups stop: nobody loses whom it still needs. */
export const STOP_ORDER: readonly (readonly ProcessPlan['role'][])[] = [
  ['client', 'console'],
  ['server'],
  ['broker', 'proxy'],
  ['ref'],
]

// Health ports count up from the first: ref, broker, proxy, console, then servers from +11 and bots behind them from +31.
const FIRST_SERVER = 11
const SERVERS_LEFT_ROOM = 20

/**
 * @param env what the launcher was started with: everything it does not decide itself is handed on
 * @param config the same, as understood
 */
export function planCluster(config: Config, env: Environment): ProcessPlan[] {
  const shared: Environment = {
    ...env,
    PORT_OFFSET: String(config.portOffset),
    REPLICAS: String(config.replicas),
    DATA_DIR: config.dataDir,
    ...(config.servicesDir === null ? {} : { SERVICES_DIR: config.servicesDir }),
    LOG_LEVEL: config.logLevel,
    // The launcher renders what its processes say.
    LOG_FORMAT: 'json',
  }
  const plan = (name: string, role: ProcessPlan['role'], healthIndex: number, more: Environment = {}): ProcessPlan => ({
    name,
    role,
    healthPort: PORTS.health + healthIndex + config.portOffset,
    env: { ...shared, HEALTH_PORT: String(PORTS.health + healthIndex), ...more },
  })
  const firstBot = FIRST_SERVER + Math.max(SERVERS_LEFT_ROOM, config.replicas)
  const server = (index: number): ProcessPlan => {
    const name = `server-${index + 1}`
    return plan(name, 'server', FIRST_SERVER + index, { SERVER_NAME: name, PEER_PORT: '0', PEER_PUB_PORT: '0' })
  }
  return [
    plan('ref', 'ref', 0),
    plan('broker', 'broker', 1),
    plan('proxy', 'proxy', 2),
    plan('console', 'console', 3),
    ...Array.from({ length: config.replicas }, (_, index) => server(index)),
    ...Array.from({ length: config.bots }, (_, index) => plan(`bot-${index + 1}`, 'client', firstBot + index)),
  ]
}

/** Every port that the cluster will bind, and for whom; servers' own are any free ones. */
export function portsOf(config: Config, plans: readonly ProcessPlan[]): { port: number; owner: string }[] {
  return [
    { port: config.brokerPort, owner: 'broker' },
    { port: config.brokerBackPort, owner: 'broker, for servers' },
    { port: config.proxyInPort, owner: 'proxy, for publishers' },
    { port: config.proxyOutPort, owner: 'proxy' },
    { port: config.refPort, owner: 'ref' },
    { port: config.httpPort, owner: 'console' },
    ...[...config.brokerRoutes].map(([service, port]) => ({ port, owner: `broker, for ${service}` })),
    ...plans.map(({ healthPort, name }) => ({ port: healthPort, owner: `health of ${name}` })),
  ]
}
