/** CPU time of processes, from /proc (Linux); elsewhere only this process's own is known. */
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** CPU seconds used so far, by role. @param pids process id by role; several processes of a role have names of their own */
export function cpuSeconds(pids: Record<string, number>): Record<string, number> {
  const used: Record<string, number> = {}
  for (const [role, pid] of Object.entries(pids)) used[role] = ofProcess(pid)
  const { user, system } = process.cpuUsage()
  used.client = (user + system) / 1e6
  return used
}

function ofProcess(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may contain anything; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}
