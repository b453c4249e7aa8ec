/**
 * Refusals of what depends on the state: each must have been true at some moment between what was answered before it was
 * asked and what was asked after it was answered. The order is replayed, and the service itself is asked again.
 */
import type { ParsedLine } from '../src/core/lines.ts'
import { createApplication } from '../src/server/services/index.ts'
import type { Operation } from './operations.ts'

/** The log whose events decide whether a service refuses. */
const decidedBy = (service: string): string =>
  ({ publish: 'channels', channel: 'channels', message: 'logins' })[service] ?? 'playlists'

type Open = { operation: Operation; from: number; before: number }

/** @param effective id → position of every event that has its effect  @returns how many were checked */
export function checkRefusals(
  operations: readonly Operation[],
  lines: ReadonlyMap<number, ParsedLine>,
  effective: ReadonlyMap<string, number>,
  fail: (what: string) => void,
): number {
  const app = createApplication()
  const state = app.create()
  const isTrue = ({ operation: { service, data, code } }: Open): boolean => {
    const found = app.services.get(service)
    if (found === undefined || !('log' in found)) throw new Error(`${service} writes nothing`)
    const prepared = found.prepare(data, state)
    return 'refusal' in prepared && prepared.refusal.code === code
  }
  const refused = refusedOf(operations, effective)
  const later = refused.filter((one) => one.from > 0 || !isTrue(one)).sort((a, b) => a.from - b.from)
  /** Those whose time has begun, and for whom it was not true yet. */
  let open: Open[] = []
  let begun = 0
  const failAll = (ones: readonly Open[]): void => {
    for (const { operation, from, before } of ones)
      fail(
        `${operation.id} (${operation.service}) was refused with ${operation.code}, never so from ${from} to ${before}`,
      )
  }
  for (const [n, line] of [...lines].sort(([a], [b]) => a - b)) {
    while (begun < later.length && later[begun]!.from <= n) open.push(later[begun++]!)
    failAll(open.filter(({ before }) => before <= n))
    open = open.filter(({ before }) => before > n)
    if (line.skipped === null) app.folds.get(line.log)?.apply?.(line, state)
    open = open.filter((one) => (line.log !== decidedBy(one.operation.service) && n !== one.from) || !isTrue(one))
  }
  failAll([...open, ...later.slice(begun)])
  return refused.length
}

/**
 * Refused operations, with the positions that what was answered before and asked after puts around them: what one client
 * does, and what goes through one life of the broker, is ordered as it happened.
 */
function refusedOf(operations: readonly Operation[], effective: ReadonlyMap<string, number>): Open[] {
  const kept = operations.filter(({ id }) => effective.has(id))
  const refused = operations.filter(({ result }) => result === 'refused')
  const open = new Map(
    refused.map((operation) => [operation, { operation, from: 0, before: Number.POSITIVE_INFINITY }]),
  )
  for (const groupOf of [(one: Operation) => one.client, (one: Operation) => one.brokerLife]) {
    const members = groupBy(kept, groupOf)
    for (const [group, its] of groupBy(refused, groupOf)) {
      if (group === -1) continue
      const others = members.get(group) ?? []
      const ok = others.filter(({ result }) => result === 'ok')
      const answered = highestUpTo(ok.map(({ id, answeredAt }) => [answeredAt, effective.get(id)!]))
      // The lowest of those from a time on is the highest of what is negative up to it.
      const asked = highestUpTo(others.map(({ id, invokedAt }) => [-invokedAt, -effective.get(id)!]))
      for (const operation of its) {
        const one = open.get(operation)!
        one.from = Math.max(one.from, answered(operation.invokedAt))
        one.before = Math.min(one.before, -asked(-operation.answeredAt))
      }
    }
  }
  return [...open.values()]
}

function groupBy<T>(list: readonly T[], keyOf: (item: T) => unknown): Map<unknown, T[]> {
  const groups = new Map<unknown, T[]>()
  for (const item of list) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

/** @param points [time, value]  @returns the highest value up to a time, that time included; -Infinity without any */
function highestUpTo(points: [number, number][]): (time: number) => number {
  points.sort(([a], [b]) => a - b)
  let highest = Number.NEGATIVE_INFINITY
  for (const point of points) {
    highest = Math.max(highest, point[1])
    point[1] = highest
  }
  return (time) => {
    let from = 0
    let to = points.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (points[middle]![0] <= time) from = middle + 1
      else to = middle
    }
    return from === 0 ? Number.NEGATIVE_INFINITY : points[from - 1]![1]
  }
}
