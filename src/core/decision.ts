/**
 * R6: what the flushes of all members of a view decide: how far the public files go, where closed origins end, and what
 * everybody must hold. A pure function of the flushes, so every member comes to the same.
 */
import {
  type FlushMessage,
  type Installed,
  type Instance,
  type Origin,
  type Position,
  readOrigin,
  type Seqs,
  type View,
} from '../protocol/replica.ts'

export type Decision = {
  /** The position up to which lines are copied, and who has them. */
  target: Position
  givers: Instance[]
  /** Where origins that are closed now, or were before, end. */
  seals: Seqs
  /** What is to be held of each open origin. */
  targets: Map<Origin, number>
}

export function decide(view: View, flushes: readonly FlushMessage[]): Decision {
  const target = Math.max(...flushes.map((flush) => flush.position))
  const givers = flushes.filter((flush) => flush.position === target).map((flush) => flush.instance)
  const have = largestHave(flushes)
  const members = new Set(view.members.map((member) => member.origin))
  const highest = highestRecord(flushes)
  const seals: Seqs = { ...highest?.seals }
  for (const member of highest?.view.members ?? []) {
    if (!members.has(member.origin)) seals[member.origin] = have.get(member.origin) ?? 0
  }
  for (const [origin, seq] of have) {
    const isNewer = readOrigin(origin)!.incarnation > (highest?.view.number ?? 0)
    if (isNewer && !members.has(origin)) seals[origin] = seq
  }
  const targets = new Map([...members].map((origin) => [origin, have.get(origin) ?? 0]))
  return { target, givers, seals, targets }
}

function largestHave(flushes: readonly FlushMessage[]): Map<Origin, number> {
  const largest = new Map<Origin, number>()
  for (const flush of flushes) {
    for (const seqs of [flush.have, flush.ordered]) {
      for (const [origin, seq] of Object.entries(seqs) as [Origin, number][]) {
        if (seq >= (largest.get(origin) ?? 0)) largest.set(origin, seq)
      }
    }
  }
  return largest
}

/** The record of the highest view outweighs all others, like a ballot in Paxos. */
function highestRecord(flushes: readonly FlushMessage[]): Installed | null {
  let highest: Installed | null = null
  for (const { installed } of flushes) {
    if (installed !== null && (highest === null || installed.view.number > highest.view.number)) highest = installed
  }
  return highest
}
