/** When a cluster is whole, and what must be true of it then: the same view, position, files, state and window everywhere. */
import { createHash } from 'node:crypto'
import { showDigest } from '../src/core/hash.ts'
import type { Replica } from '../src/core/replica.ts'
import { NO_OUTCOME } from '../src/core/window.ts'
import { contents } from './file.ts'
import { leftOver } from './memory.ts'
import type { Cluster, SimServer } from './server.ts'

const wanted = (cluster: Cluster): SimServer[] => cluster.servers.filter((server) => server.wanted)

/** Everybody is in one view of all, and at one position with nothing on the way. */
export function isWhole(cluster: Cluster): boolean {
  const servers = wanted(cluster)
  const first = servers[0]!.replica
  if (!first) return false
  return servers.every(({ replica }) => {
    if (!replica?.active || replica.position !== first.position) return false
    const { view } = replica.installed!
    if (view.number !== first.installed?.view.number || view.members.length !== servers.length) return false
    return [...replica.logs.values()].every((log) => log.ordered >= log.held)
  })
}

/** After a rest: still whole, the same in everything, and nothing kept that is not needed. */
export function checkWhole(cluster: Cluster): void {
  const { check } = cluster
  if (!isWhole(cluster)) return check.fail(`whole no more, without any fault: ${describe(cluster)}`)
  const [first, ...others] = wanted(cluster).map((server) => ({ name: server.name, parts: partsOf(server) }))
  for (const { name, parts } of others) {
    for (const [part, value] of Object.entries(parts))
      if (value !== first!.parts[part])
        check.fail(`${name} and ${first!.name} are at one position and differ in ${part}`)
  }
  for (const { name, replica } of wanted(cluster)) {
    const left = leftOver(replica!)
    if (left !== null) check.fail(`${name} still keeps ${left} although nothing is under way`)
  }
}

function partsOf({ replica, disk }: SimServer): Record<string, string> {
  const { app, state, digest, window } = replica!
  const parts: Record<string, string> = { digest: showDigest(digest), state: JSON.stringify(app.snapshot(state)) }
  // What stands beside a missing outcome means nothing.
  const known = [...window.outcome.keys()].filter((slot) => window.outcome[slot] !== NO_OUTCOME)
  parts.window = known.map((slot) => `${slot} ${window.hi[slot]} ${window.lo[slot]} ${window.outcome[slot]}`).join('\n')
  for (const [log, file] of [...disk.files].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (file.length > 0) parts[`${log}.jsonl`] = hash(contents(file))
  return parts
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const describe = (cluster: Cluster): string =>
  cluster.servers
    .map(({ name, replica, wanted: isWanted, repairing }) => {
      if (replica === null) return `${name} ${isWanted ? (repairing ? 'repairs a file' : 'down') : 'not wanted'}`
      return `${name} ${phaseOf(replica)} view ${replica.known?.number} position ${replica.position}\n      ${logsOf(replica)}`
    })
    .join('\n    ')

const phaseOf = (r: Replica): string => (r.active ? 'active' : (r.change?.phase ?? 'learner'))

const logsOf = (r: Replica): string =>
  [...r.logs.values()]
    .map(
      ({ origin, ordered, committed, held, wanted: asked, seal, first, skip }) =>
        `${origin} ordered ${ordered} committed ${committed} held ${held} wanted ${asked} seal ${seal} oldest ${first + skip}`,
    )
    .join('\n      ')
