/**
 * Servers in one view must have the same writing services: what has an effect is decided on every replica, and one that
 * lacks a service, or has another version of it, would decide differently, so states and then files would differ.
 *
 * Idea: every server says which it has where it matters. A joiner that differs is not heard (so `ref` never admits it) and
 * finds out from the first lines it copies; where a view begins with nobody to join, the flushes of all members say it
 * before anything is installed: who differs from most stops, and the others go on in the view without it.
 */
import { type CopiedMessage, type FlushMessage, type HelloMessage, readOrigin } from '../protocol/replica.ts'
import { type Replica, say } from './state.ts'

export const isSame = (r: Replica, { writes }: CopiedMessage | HelloMessage | FlushMessage): boolean =>
  keyOf(writes) === keyOf(r.app.writes)

const keyOf = (writes: readonly string[]): string => writes.join('\n')

/** Asks for the end of a server that copies from one with other services. @returns whether they are the same */
export function stopIfDifferent(r: Replica, message: CopiedMessage): boolean {
  if (isSame(r, message)) return true
  stop(r, message.rank, message.writes)
  return false
}

/** Whether all members of a view that is about to be installed have the same services; one that differs from most stops. */
export function areSame(r: Replica): boolean {
  const flushes = [r.flush!, ...[...r.peers.values()].map((peer) => peer.flush!)]
  const right = chooseRight(r, flushes)
  if (!isSame(r, right)) stop(r, right.rank, right.writes)
  const others = flushes.filter((flush) => keyOf(flush.writes) !== keyOf(right.writes))
  if (others.length > 0 && isSame(r, right))
    say(r, 'warn', 'a server has other writing services; going on without it', {
      ranks: others.map(({ rank }) => rank),
    })
  return others.length === 0
}

/** Those who go on from an earlier view outweigh newcomers; then the most; then the lowest rank. */
function chooseRight(r: Replica, flushes: readonly FlushMessage[]): FlushMessage {
  const isOld = ({ rank }: FlushMessage): boolean => {
    const member = r.known!.members.find((one) => one.rank === rank)
    return member !== undefined && readOrigin(member.origin)!.incarnation < r.known!.number
  }
  const old = flushes.filter(isOld)
  const candidates = (old.length > 0 ? old : [...flushes]).sort((a, b) => a.rank - b.rank)
  const like = (one: FlushMessage): number =>
    candidates.filter((other) => keyOf(other.writes) === keyOf(one.writes)).length
  return candidates.reduce((best, one) => (like(one) > like(best) ? one : best))
}

function stop(r: Replica, rank: number, writes: readonly string[]): void {
  const lacks = writes.filter((one) => !r.app.writes.includes(one))
  const extra = r.app.writes.filter((one) => !writes.includes(one))
  const parts = [
    ...(lacks.length > 0 ? [`lacks ${lacks.join(', ')}`] : []),
    ...(extra.length > 0 ? [`has besides ${extra.join(', ')}`] : []),
  ]
  const why = `this server has not the writing services of server-${rank}: it ${parts.join(' and ')}`
  r.effects.push({ type: 'stop', why: `${why}; all servers need the same version and the same files in SERVICES_DIR` })
}
