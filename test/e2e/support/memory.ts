/** How much memory processes have used, from /proc. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Cluster } from './cluster.ts'

/** The most that a process ever had resident, MiB. */
export function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const peak = /VmHWM:\s+(\d+) kB/.exec(status)
  assert.ok(peak !== null, `process ${pid} has no VmHWM`)
  return Math.round(Number(peak[1]) / 1024)
}

/** The same of every process of a cluster. */
export function peaksOf(cluster: Cluster, servers = 3): Record<string, number> {
  const names = ['ref', 'broker', 'proxy', ...Array.from({ length: servers }, (_, i) => `server-${i + 1}`)]
  return Object.fromEntries(names.map((name) => [name, peakOf(cluster.pid(name)!)]))
}

/** No process of a cluster has ever had more. @param boundMiB see docs/overload.md */
export function assertPeaks(cluster: Cluster, boundMiB: number, servers = 3): void {
  const peaks = peaksOf(cluster, servers)
  for (const [name, peak] of Object.entries(peaks))
    assert.ok(peak <= boundMiB, `${name} had ${peak} MiB, more than ${boundMiB}; all: ${JSON.stringify(peaks)}`)
}
