/**
 * Every quorum meets every later view. What a quorum of a view held was acknowledged, and nothing else brings it into the
 * next view but a member of both that kept its disk. So no view may be without a whole quorum of the newest view that all
 * its members had installed; looked at when `ref` issues one, whether or not anything was acknowledged just then.
 */
import type { Replica } from '../src/core/replica.ts'
import type { Instance, View } from '../src/protocol/replica.ts'

export type Quorums = {
  /** A server has made a step. */
  stepped(replica: Replica): void
  /** @returns what is wrong with a new view, or null */
  issued(view: View): string | null
}

export function createQuorums(): Quorums {
  /** Per instance, the newest view whose record is on its disk. */
  const records = new Map<Instance, number>()
  const installedBy = new Map<string, Set<Instance>>()
  let newest: View | null = null
  return {
    stepped({ instance, installed, active }) {
      const number = installed?.view.number ?? 0
      if (records.get(instance) === number) return
      records.set(instance, number)
      if (!active || installed === null) return
      const { view } = installed
      const key = `${number} ${view.nonce}`
      const by = installedBy.get(key) ?? new Set()
      installedBy.set(key, by.add(instance))
      if (number > (newest?.number ?? 0) && view.members.every((member) => by.has(member.instance))) newest = view
    },
    issued(view) {
      if (newest === null || view.number <= newest.number) return null
      const { number, members, quorum } = newest
      const kept = view.members.filter(({ rank, instance }) => {
        const record = records.get(instance) ?? 0
        return record >= number && members.some((member) => member.rank === rank)
      })
      if (members.length - kept.length < quorum) return null
      const of = (some: typeof members): string => some.map((member) => member.rank).join(' ')
      return `view ${view.number} (${of(view.members)}) has only ${of(kept) || 'nobody'} of view ${number} (${of(members)}), where ${quorum} were a quorum`
    },
  }
}
