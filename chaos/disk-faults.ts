/** Faults of one server's disk. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { damage, TARGETS, WAYS } from '../test/e2e/support/hostile/damage.ts'
import { cutPower } from '../test/e2e/support/hostile/power.ts'
import { injectFsync } from '../test/e2e/support/hostile/syscalls.ts'
import { waitFor } from '../test/e2e/support/wait.ts'
import { type Fault, seconds } from './fault.ts'

const diskFull: Fault = {
  ...{ kind: 'disk full', tools: ['disks'], scope: 'server' },
  async strike({ disks, cluster }, target, chance) {
    const ms = chance.between(1500, 6000)
    const from = cluster.records().length
    await disks.fill(target)
    await sleep(ms)
    disks.free(target)
    const said = cluster.records().slice(from)
    const fired = said.some(({ process, msg }) => process === target && String(msg).startsWith('the disk is full'))
    return { what: `${target} for ${seconds(ms)}`, fired }
  },
}

const fsyncError: Fault = {
  ...{ kind: 'fsync error', tools: ['strace'], scope: 'server' },
  async strike({ cluster, directory }, target) {
    const pid = cluster.pid(target)!
    const injection = await injectFsync(directory, pid, { error: 'EIO' })
    await waitFor(() => !existsSync(`/proc/${pid}`), `${target} to end when its fsync fails`)
    await injection.stop()
    return { what: target, fired: injection.fired() > 0 }
  },
}

const fsyncSlow: Fault = {
  ...{ kind: 'slow fsync', tools: ['strace'], scope: 'server' },
  async strike({ cluster, directory }, target, chance) {
    const [delayMs, ms] = [Math.round(chance.between(20, 1500)), chance.between(1000, 5000)]
    const injection = await injectFsync(directory, cluster.pid(target)!, { delayMs })
    await sleep(ms)
    await injection.stop()
    return { what: `${target} by ${delayMs} ms for ${seconds(ms)}`, fired: injection.fired() > 0 }
  },
}

const powerCut: Fault = {
  ...{ kind: 'power cut', tools: ['disks'], scope: 'server' },
  async strike(hostile, target, chance) {
    const ms = chance.between(0, 4000)
    const { lostBytes } = await cutPower(hostile, target)
    await sleep(ms)
    hostile.bringUp(target)
    return { what: `${target} for ${seconds(ms)}, ${lostBytes} bytes gone`, fired: true }
  },
}

const damaged: Fault = {
  ...{ kind: 'damaged file', tools: [], scope: 'server', alone: true },
  async strike(hostile, target, chance) {
    await hostile.takeDown(target)
    const directory = join(hostile.cluster.dataDir, target)
    const done = damage(directory, chance.pick(TARGETS), chance.pick(WAYS), chance.next)
    hostile.bringUp(target)
    await hostile.whole()
    // What it set aside would fill the small disk after a while.
    for (const name of readdirSync(directory)) {
      if (name.startsWith('damaged-')) rmSync(join(directory, name), { recursive: true })
    }
    return { what: `${target}, ${done ?? 'nothing there'}`, fired: done !== null }
  },
}

const lostDisk: Fault = {
  ...{ kind: 'lost disk', tools: [], scope: 'server', alone: true },
  async strike(hostile, target) {
    await hostile.takeDown(target)
    const directory = join(hostile.cluster.dataDir, target)
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true })
    hostile.bringUp(target)
    await hostile.whole()
    return { what: target, fired: true }
  },
}

export const DISK_FAULTS: readonly Fault[] = [diskFull, fsyncError, fsyncSlow, powerCut, damaged, lostDisk]
