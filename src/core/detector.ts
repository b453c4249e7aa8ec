/**
 * Failure detection at `ref`: who is dead, and who is alive but keeps the others waiting.
 *
 * Dead: no heartbeat for 3 s (course rule ◆). Silent: most of the other members report it. One that itself reports
 * most of the others is more likely the one that is cut off, once the others have been heard since: until then they may
 * be dead, and it is the one that is left.
 */
import type { Instance, Member, Rank, Report } from '../protocol/replica.ts'

export const DEAD_MS = 3000
/** A report older than this says nothing about now: two heartbeats. */
const REPORT_MS = 2500

/** The last report of an instance, when it came, and since when it reports somebody as silent (0: nobody). */
export type Heard = { report: Report; at: number; silentSince: number }

/** Whether an instance's heartbeats still count. @param grace until when nobody is declared dead, ms */
export const isAlive = (heard: Heard | undefined, now: number, grace: number): boolean =>
  now < grace || (heard !== undefined && now - heard.at < DEAD_MS)

/**
 * The members to leave out for their silence, worst first.
 * @param members the live members of the newest view  @param view its number: older reports are about an older view
 */
export function suspects(
  members: readonly Member[],
  heard: ReadonlyMap<Instance, Heard>,
  view: number,
  now: number,
): Member[] {
  const others = members.length - 1
  if (others < 1) return []
  const reportedBy = new Map<Rank, number>()
  const reports = new Map<Rank, number>()
  const ranks = new Set(members.map((member) => member.rank))
  for (const { rank, instance } of members) {
    const from = heard.get(instance)
    if (from === undefined || from.report.known !== view || now - from.at > REPORT_MS) continue
    for (const silent of new Set(from.report.silent)) {
      if (!ranks.has(silent) || silent === rank) continue
      reportedBy.set(silent, (reportedBy.get(silent) ?? 0) + 1)
      reports.set(rank, (reports.get(rank) ?? 0) + 1)
    }
  }
  const isCutOff = (member: Member): boolean => {
    const since = heard.get(member.instance)?.silentSince ?? 0
    return members.every((other) => other === member || (heard.get(other.instance)?.at ?? 0) > since)
  }
  const weight = (member: Member): number =>
    Math.max(reportedBy.get(member.rank) ?? 0, isCutOff(member) ? (reports.get(member.rank) ?? 0) : 0)
  const worst = (a: Member, b: Member): number =>
    weight(b) - weight(a) || (reports.get(b.rank) ?? 0) - (reports.get(a.rank) ?? 0) || b.rank - a.rank
  return members.filter((member) => weight(member) * 2 > others).sort(worst)
}
