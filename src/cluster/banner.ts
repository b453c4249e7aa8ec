/** What is said once the cluster is ready: where to connect, where to look, what to try. */
import { relative } from 'node:path'
import type { Config } from '../platform/config.ts'
import { table } from '../platform/table.ts'
import { PORTS } from '../protocol/ports.ts'
import type { ProcessPlan } from './plan.ts'
import { reachable } from './readiness.ts'

/** The addresses as fields of a log record. */
export function addresses(config: Config, plans: readonly ProcessPlan[]): Record<string, unknown> {
  const host = reachable(config.bindHost)
  return {
    broker: `tcp://${host}:${config.brokerPort}`,
    proxy: `tcp://${host}:${config.proxyOutPort}`,
    ref: `tcp://${host}:${config.refPort}`,
    http: `http://${host}:${config.httpPort}`,
    data: config.dataDir,
    health: Object.fromEntries(plans.map(({ name, healthPort }) => [name, `http://${host}:${healthPort}/healthz`])),
  }
}

/** The same and more for a person. */
export function banner(config: Config, plans: readonly ProcessPlan[]): string {
  const host = reachable(config.bindHost)
  const data = relative('', config.dataDir).startsWith('..') ? config.dataDir : relative('', config.dataDir) || '.'
  const offset = config.portOffset === 0 ? '' : `PORT_OFFSET=${config.portOffset} `
  const where = config.dataDir === `${process.cwd()}/data` ? '' : ` --data ${data}`
  const rows = [
    ['requests', `tcp://${host}:${config.brokerPort}`, 'broker: REQ or DEALER, see docs/protocol.md'],
    ['events', `tcp://${host}:${config.proxyOutPort}`, 'proxy: SUB, topic = channel or user'],
    ['http', `http://${host}:${config.httpPort}`, 'JSON-RPC and events: curl it, see docs/http.md'],
    ['ref', `tcp://${host}:${config.refPort}`, 'ranks and views'],
    ['health', `http://${host}:${PORTS.health + config.portOffset}/healthz`, healthPorts(plans)],
    ['data', data, 'one folder a server, one JSON line an event'],
    ['try', `${offset}npx compasso menu`, 'everything by numbers'],
    ['', `${offset}npx compasso tail`, 'what is being said, live'],
    ['', `${offset}npx compasso status`, 'who is there, who is behind'],
    ['', `npx compasso verify${where}`, "whether all servers' files are the same"],
    ['stop', 'Ctrl-C', ''],
  ]
  return `${table(rows)
    .map((line) => `  ${line}\n`)
    .join('')}`
}

/** `ref 9100, broker 9101, proxy 9102, console 9103, server 9111–9113, bot 9131–9132` */
function healthPorts(plans: readonly ProcessPlan[]): string {
  const groups = new Map<string, number[]>()
  for (const { name, healthPort } of plans) {
    const kind = name.replace(/-\d+$/, '')
    groups.set(kind, [...(groups.get(kind) ?? []), healthPort])
  }
  return [...groups]
    .map(([kind, ports]) => `${kind} ${ports[0]}${ports.length > 1 ? `–${ports.at(-1)}` : ''}`)
    .join(', ')
}
