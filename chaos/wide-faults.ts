/** Faults of ref, broker and proxy, and of all servers at once. */
import { renameSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { between } from '../test/e2e/support/hostile/network.ts'
import { cutPower } from '../test/e2e/support/hostile/power.ts'
import { waitFor } from '../test/e2e/support/wait.ts'
import { type Fault, seconds } from './fault.ts'

const kill: Fault = {
  ...{ kind: 'kill infrastructure', tools: [], scope: 'infrastructure' },
  async strike({ cluster }, target) {
    cluster.kill(target)
    return { what: target, fired: true }
  },
}

const pause: Fault = {
  ...{ kind: 'pause infrastructure', tools: [], scope: 'infrastructure' },
  async strike({ cluster }, target, chance) {
    const ms = chance.between(200, 5000)
    cluster.kill(target, 'SIGSTOP')
    await sleep(ms)
    cluster.kill(target, 'SIGCONT')
    return { what: `${target} for ${seconds(ms)}`, fired: true }
  },
}

const cutOff: Fault = {
  ...{ kind: 'cut off infrastructure', tools: ['proc'], scope: 'infrastructure' },
  async strike({ network, servers }, target, chance) {
    const ms = chance.between(500, 6000)
    const before = network.held()
    const directions = between(target, servers)
    network.cut(directions)
    await sleep(ms)
    network.mend(directions)
    return { what: `${target} from all servers for ${seconds(ms)}`, fired: network.held() > before }
  },
}

const refForgets: Fault = {
  ...{ kind: 'ref loses its state', tools: [], scope: 'infrastructure', alone: true },
  async strike(hostile, _, chance) {
    const { cluster, takeDown, bringUp } = hostile
    const path = join(cluster.dataDir, 'ref', 'ref_servers.json')
    await takeDown('ref')
    const length = Math.floor(chance.between(1, statSync(path).size - 2))
    truncateSync(path, length)
    const from = cluster.records().length
    bringUp('ref')
    const refused = ({ child, msg }: Record<string, unknown>): boolean => child === 'ref' && msg === 'could not start'
    await waitFor(() => cluster.records().slice(from).some(refused), 'ref to refuse a damaged state')
    renameSync(path, `${path}.damaged`)
    await hostile.whole()
    return { what: `cut off after ${length} bytes, refused, moved away`, fired: true }
  },
}

const killServers: Fault = {
  ...{ kind: 'kill all servers', tools: [], scope: 'all' },
  async strike({ cluster, servers }) {
    for (const server of servers) cluster.kill(server)
    return { what: servers.join(', '), fired: true }
  },
}

const killEverything: Fault = {
  ...{ kind: 'kill everything', tools: [], scope: 'all' },
  async strike({ cluster, names }) {
    for (const name of names) cluster.kill(name)
    return { what: names.join(', '), fired: true }
  },
}

const pauseServers: Fault = {
  ...{ kind: 'pause all servers', tools: [], scope: 'all' },
  async strike({ cluster, servers }, _, chance) {
    const ms = chance.between(500, 5000)
    for (const server of servers) cluster.kill(server, 'SIGSTOP')
    await sleep(ms)
    for (const server of servers) cluster.kill(server, 'SIGCONT')
    return { what: `for ${seconds(ms)}`, fired: true }
  },
}

const powerFailure: Fault = {
  ...{ kind: 'power cut of all servers', tools: ['disks'], scope: 'all' },
  async strike(hostile) {
    const cuts = await Promise.all(hostile.servers.map((server) => cutPower(hostile, server)))
    for (const server of hostile.servers) hostile.bringUp(server)
    return { what: `${cuts.reduce((sum, { lostBytes }) => sum + lostBytes, 0)} bytes gone`, fired: true }
  },
}

export const WIDE_FAULTS: readonly Fault[] = [
  ...[kill, pause, cutOff, refForgets],
  ...[killServers, killEverything, pauseServers, powerFailure],
]
