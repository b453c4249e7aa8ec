/** Which process has a TCP connection of this machine open, as the kernel says. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * @param localPort, remotePort the connection as its owner sees it
 * @param candidates processes that it may belong to
 * @returns its owner's name, or null
 */
export function ownerOf(
  localPort: number,
  remotePort: number,
  candidates: readonly (readonly [name: string, pid: number | undefined])[],
): string | null {
  const inode = inodeOf(localPort, remotePort)
  if (inode === null) return null
  const link = `socket:[${inode}]`
  return candidates.find(([, pid]) => pid !== undefined && hasOpen(pid, link))?.[0] ?? null
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

/** A line of /proc/net/tcp: number, local and remote address, state, queues, timers, retransmits, user, time-out, inode. */
function inodeOf(localPort: number, remotePort: number): string | null {
  const [local, remote] = [`:${hexPort(localPort)}`, `:${hexPort(remotePort)}`]
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[1]?.endsWith(local) && fields[2]?.endsWith(remote) && fields[9] !== '0') return fields[9]!
  }
  return null
}

function hasOpen(pid: number, link: string): boolean {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).some((descriptor) => {
      try {
        return readlinkSync(`${folder}/${descriptor}`) === link
      } catch {
        // Closed meanwhile.
        return false
      }
    })
  } catch {
    // The process has ended.
    return false
  }
}
