/** The end of a machine's power: its processes and whatever its disk did not have yet are gone at the same moment. */
import { join } from 'node:path'
import type { ProcessName } from '../cluster.ts'
import { filesOf } from '../files.ts'
import type { Hostile } from './hostile.ts'

export type PowerCut = {
  /** How much shorter the public files have become. */
  lostBytes: number
}

/** Cuts the power of a server with a disk of its own; it is down, with its disk mounted again, until it is brought up. */
export async function cutPower({ cluster, disks, takeDown }: Hostile, server: ProcessName): Promise<PowerCut> {
  let before = 0
  await takeDown(server, async (pid) => {
    // Stopped first: a process that is without power does not find out about its disk.
    process.kill(pid, 'SIGSTOP')
    before = length(cluster, server)
    await disks.cutPower(server)
    process.kill(pid, 'SIGKILL')
  })
  await disks.remount(server)
  return { lostBytes: before - length(cluster, server) }
}

const length = (cluster: Hostile['cluster'], server: ProcessName): number =>
  Object.values(filesOf(join(cluster.dataDir, server))).reduce((sum, bytes) => sum + bytes.length, 0)
