/** A server that finds a public file damaged asks the others for its first bytes, until one has those of its checkpoint. */
import { publicFile } from './disk.ts'
import { append, checksum, contents, sync, truncate } from './file.ts'
import { carry } from './network.ts'
import { type Cluster, isUp, type SimServer } from './server.ts'

const ASK_AGAIN_MS = 300

export type Wanted = { log: string; length: number; checksum: number }

export function repairFile(cluster: Cluster, server: SimServer, wanted: Wanted, done: () => void): void {
  const { world } = cluster
  const { life } = server
  const ask = (): void => {
    if (server.life !== life || !server.repairing) return
    world.schedule.after(ASK_AGAIN_MS, ask)
    const others = cluster.servers.filter((other) => other !== server && isUp(other))
    if (others.length === 0) return
    const giver = world.random.pick(others)
    carry(world, server.name, giver.name, 'direct', () => {
      const file = giver.replica === null ? undefined : giver.disk.files.get(wanted.log)
      if (file === undefined || file.length < wanted.length || checksum(file, wanted.length) !== wanted.checksum) return
      const bytes = Buffer.from(contents(file).subarray(0, wanted.length))
      carry(world, giver.name, server.name, 'direct', () => {
        if (server.life !== life || !server.repairing) return
        replaceFile(server, wanted.log, bytes)
        done()
      })
    })
  }
  ask()
}

/** Writes the file anew, as files are: under another name, fsynced, renamed. */
function replaceFile(server: SimServer, log: string, bytes: Uint8Array): void {
  const file = publicFile(server.disk, log)
  truncate(file, 0)
  append(file, bytes)
  sync(file, file.length)
}
