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
  let open = refused.filter((one) => one.from > 0 || !isTrue(one))
  const close = (isOver: (one: Open) => boolean): void => {
    for (const { operation, from, before } of open.filter(isOver))
      fail(
        `${operation.id} (${operation.service}) was refused with ${operation.code}, never so from ${from} to ${before}`,
      )
    open = open.filter((one) => !isOver(one))
  }
  for (const [n, line] of [...lines].sort(([a], [b]) => a - b)) {
    if (open.length === 0) break
    close(({ before }) => before <= n)
    if (line.skipped === null) app.folds.get(line.log)?.apply?.(line, state)
    open = open.filter(
      (one) => !(line.log === decidedBy(one.operation.service) ? n >= one.from : n === one.from) || !isTrue(one),
    )
  }
  close(() => true)
  return refused.length
}

/** What one client does, and what goes through one life of the broker, is ordered as it happened. */
const isOrdered = (one: Operation, other: Operation): boolean =>
  one.client === other.client || (one.brokerLife !== -1 && one.brokerLife === other.brokerLife)

/** Refused operations, with the positions that what was answered before and asked after puts around them. */
function refusedOf(operations: readonly Operation[], effective: ReadonlyMap<string, number>): Open[] {
  const refused = operations.filter(({ result }) => result === 'refused')
  return refused.map((operation) => {
    let from = 0
    let before = Number.POSITIVE_INFINITY
    for (const other of operations) {
      const n = effective.get(other.id)
      if (n === undefined || !isOrdered(other, operation)) continue
      if (other.result === 'ok' && other.answeredAt <= operation.invokedAt) from = Math.max(from, n)
      if (other.invokedAt >= operation.answeredAt) before = Math.min(before, n)
    }
    return { operation, from, before }
  })
}
