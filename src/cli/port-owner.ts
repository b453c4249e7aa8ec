/** Who listens on a port of this machine, where Linux says so. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** As /proc/net/tcp numbers the states. */
const LISTENING = '0A'

/** `node (pid 4711)`, or null when it cannot be told: another system, or another user's process. */
export function portOwner(port: number): string | null {
  try {
    const sockets = new Set(['tcp', 'tcp6'].flatMap((table) => listeners(`/proc/net/${table}`, port)))
    if (sockets.size === 0) return null
    for (const pid of readdirSync('/proc')) {
      if (/^\d+$/.test(pid) && holds(pid, sockets)) return `${nameOf(pid)} (pid ${pid})`
    }
  } catch {
    // No /proc.
  }
  return null
}

/** `socket:[inode]` of every listener on the port. */
function listeners(path: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTENING && local?.endsWith(`:${wanted}`) === true)
    .map((columns) => `socket:[${columns[9]}]`)
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => sockets.has(linkOf(`/proc/${pid}/fd/${fd}`)))
  } catch {
    // It has ended, or is another user's.
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** The program and its first argument, without folders. */
function nameOf(pid: string): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(0, 2)
  return words
    .map((word) => word.split('/').slice(-2).join('/'))
    .join(' ')
    .trim()
}
