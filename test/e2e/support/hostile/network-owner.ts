/** Which process has a TCP connection of this machine open, as the kernel says. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export type Owners = {
  /**
   * @param localPort, remotePort the connection as its owner sees it
   * @param since when it was there, as `performance.now` counts
   * @returns the process that has it open, `gone` when it is closed already, null when it is none of the known
   */
  find(localPort: number, remotePort: number, since: number): string | 'gone' | null
}

/** @param processes names and process ids as they are now */
export function createOwners(processes: () => readonly (readonly [name: string, pid: number | undefined])[]): Owners {
  // One look serves all connections that were there before it: after a partition hundreds come at once.
  let lookedAt = Number.NEGATIVE_INFINITY
  let inodes: ReadonlyMap<string, string> = new Map()
  let names: ReadonlyMap<string, string> = new Map()
  const look = (): void => {
    lookedAt = performance.now()
    inodes = readInodes()
    names = new Map(processes().flatMap(([name, pid]) => socketsOf(pid).map((link): [string, string] => [link, name])))
  }
  return {
    find(localPort, remotePort, since) {
      if (lookedAt <= since) look()
      const inode = inodes.get(`${localPort} ${remotePort}`)
      return inode === undefined ? 'gone' : (names.get(`socket:[${inode}]`) ?? null)
    },
  }
}

/** Of every connection that a process has open, by its ports; one that was closed has the number 0. */
function readInodes(): Map<string, string> {
  const inodes = new Map<string, string>()
  // Number, local and remote address, state, queues, timers, retransmits, user, time-out, inode.
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const fields = line.trim().split(/\s+/)
    const [local, remote, inode] = [fields[1], fields[2], fields[9]]
    if (local?.includes(':') && inode !== undefined && inode !== '0')
      inodes.set(`${portIn(local)} ${portIn(remote!)}`, inode)
  }
  return inodes
}

const portIn = (address: string): number => Number.parseInt(address.slice(address.indexOf(':') + 1), 16)

/** What the descriptors of a process are; none when it has ended. */
function socketsOf(pid: number | undefined): string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).flatMap((descriptor) => {
      try {
        return [readlinkSync(`${folder}/${descriptor}`)]
      } catch {
        // Closed meanwhile.
        return []
      }
    })
  } catch {
    return []
  }
}
