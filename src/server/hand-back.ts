/**
 * Giving requests back to the broker: a server that has more waiting than it does in its next step keeps nobody waiting for
 * it when others have time. The broker gives them to the next server, and does not allow it without end.
 */
import type { ClientRequest } from '../core/types.ts'
import type { Batch, Token } from './replies.ts'

/**
 * Gives back what does not fit into the next step, whole bodies only: those that were not begun, and those of which nothing
 * was written so far (what was only computed or read, another server computes or reads again).
 * @param requests that wait, in order  @param share how many the next step takes
 * @param isWrite whether a service makes events
 * @returns those that stay
 */
export function handBack(
  requests: readonly ClientRequest[],
  share: number,
  isWrite: (service: string) => boolean,
): ClientRequest[] {
  const waiting = new Map<Batch, number>()
  for (const { token } of requests) waiting.set(batchOf(token), (waiting.get(batchOf(token)) ?? 0) + 1)
  const given = new Set<Batch>()
  let room = share
  for (const [batch, count] of waiting) {
    const isBegun = count < batch.requests.length
    const mustStay = batch.handBack === null || (isBegun && batch.requests.some(({ service }) => isWrite(service)))
    if (mustStay || count <= room) room -= count
    else given.add(batch)
  }
  for (const batch of given) batch.handBack?.()
  return requests.filter(({ token }) => !given.has(batchOf(token)))
}

const batchOf = (token: unknown): Batch => (token as Token).batch
