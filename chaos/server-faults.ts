/** Faults of one server: its process, its network, its clock. */
import { setTimeout as sleep } from 'node:timers/promises'
import { between, type Direction } from '../test/e2e/support/hostile/network.ts'
import type { Chance } from './chance.ts'
import { type Fault, type Struck, seconds } from './fault.ts'

const HOUR_S = 3600

const kill: Fault = {
  ...{ kind: 'kill', tools: [], scope: 'server' },
  async strike({ cluster }, target) {
    cluster.kill(target)
    return { what: target, fired: true }
  },
}

const down: Fault = {
  ...{ kind: 'down', tools: [], scope: 'server' },
  async strike({ takeDown, bringUp }, target, chance) {
    const ms = chance.between(500, 6000)
    await takeDown(target)
    await sleep(ms)
    bringUp(target)
    return { what: `${target} for ${seconds(ms)}`, fired: true }
  },
}

const pause: Fault = {
  ...{ kind: 'pause', tools: [], scope: 'server' },
  async strike({ cluster }, target, chance) {
    const ms = chance.between(200, 8000)
    cluster.kill(target, 'SIGSTOP')
    await sleep(ms)
    cluster.kill(target, 'SIGCONT')
    return { what: `${target} for ${seconds(ms)}`, fired: true }
  },
}

/** A cut of some directions, chosen when it strikes. */
const cut = (kind: string, choose: (target: string, others: string[], chance: Chance) => Direction[]): Fault => ({
  ...{ kind, tools: ['proc'], scope: 'server' },
  async strike({ network, names }, target, chance): Promise<Struck> {
    const others = names.filter((name) => name !== target)
    const directions = choose(target, others, chance)
    const ms = chance.between(500, 8000)
    const before = network.held()
    network.cut(directions)
    await sleep(ms)
    network.mend(directions)
    const pairs = directions.map(({ from, to }) => `${from} > ${to}`).join(', ')
    return { what: `${pairs} for ${seconds(ms)}`, fired: network.held() > before }
  },
})

const clockJump: Fault = {
  ...{ kind: 'clock jump', tools: ['faketime'], scope: 'server' },
  async strike({ clocks }, target, chance) {
    const hours = chance.pick([-1, 1])
    const ms = chance.between(2000, 5000)
    clocks.set(target, hours * HOUR_S)
    await sleep(ms)
    clocks.set(target, 0)
    return { what: `${target} by ${hours} h for ${seconds(ms)}`, fired: true }
  },
}

export const SERVER_FAULTS: readonly Fault[] = [
  kill,
  down,
  pause,
  cut('isolate', (target, others) => between(target, others)),
  cut('cut one way', (target, others, chance) =>
    chance.pick([others.map((to) => ({ from: target, to })), others.map((from) => ({ from, to: target }))]),
  ),
  cut('cut a link', (target, others, chance) => between(target, [chance.pick(others)])),
  clockJump,
]
