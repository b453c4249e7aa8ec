/**
 * Failure detection at `ref`: who is dead, and who is alive but keeps the others waiting.
 *
 * Dead: no heartbeat for 3 s (course rule ◆). Silent: most of the other members report it. One that itself reports
 * most of the others is more likely the one that is cut off, once the others have been heard since: until then they may
 * be dead, and it is the one that is left.
 *
 * Where there is no such majority, as when two of three do not hear each other and both hear the third, the order waits all
 * the same. So a report that lasts is enough: one of the two must go, whichever. It comes back when all hear each other.
 */
import type { Instance, Member, Rank, Report } from '../protocol/replica.ts'

export const DEAD_MS = 3000
/** A report older than this says nothing about now: two heartbeats. */
const REPORT_MS = 2500

/** A report that lasts this long is enough without a majority, ms. */
const LASTING_MS = 3000

/** The last report of an instance, when it came, and since when it reports each member that it does as silent. */
export type Heard = { report: Report; at: number; silentSince: ReadonlyMap<Rank, number> }

/** Takes an instance's next report. What it says under another view is said anew. */
export function hear(before: Heard | undefined, report: Report, now: number): Heard {
  const known = before !== undefined && before.report.known === report.known ? before.silentSince : new Map()
  return { report, at: now, silentSince: new Map(report.silent.map((rank) => [rank, known.get(rank) ?? now])) }
}

/** Whether an instance's heartbeats still count. @param grace until when nobody is declared dead, ms */
export const isAlive = (heard: Heard | undefined, now: number, grace: number): boolean =>
  now < grace || (heard !== undefined && now - heard.at < DEAD_MS)

/** That one member reports another as silent, and since when. */
type Complaint = { from: Member; about: Member; since: number }

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
  const complaints = readComplaints(members, heard, view, now)
  const others = members.length - 1
  const reports = (member: Member): number => complaints.filter(({ from }) => from === member).length
  const reportedBy = (member: Member): number => complaints.filter(({ about }) => about === member).length
  const isCutOff = (member: Member): boolean => {
    const since = Math.min(...(heard.get(member.instance)?.silentSince.values() ?? []))
    return members.every((other) => other === member || (heard.get(other.instance)?.at ?? 0) > since)
  }
  const weight = (member: Member): number => Math.max(reportedBy(member), isCutOff(member) ? reports(member) : 0)
  // Who waits for others that wait for each other reports them all, and is the one that is well: it comes last.
  const worst = (a: Member, b: Member): number =>
    weight(b) - weight(a) || reportedBy(b) - reportedBy(a) || reports(b) - reports(a) || b.rank - a.rank
  const most = members.filter((member) => weight(member) * 2 > others)
  if (most.length > 0) return most.sort(worst)
  const lasting = complaints.filter(({ since }) => now - since >= LASTING_MS)
  return members.filter((member) => lasting.some(({ from, about }) => from === member || about === member)).sort(worst)
}

function readComplaints(
  members: readonly Member[],
  heard: ReadonlyMap<Instance, Heard>,
  view: number,
  now: number,
): Complaint[] {
  return members.flatMap((from) => {
    const said = heard.get(from.instance)
    if (said === undefined || said.report.known !== view || now - said.at > REPORT_MS) return []
    return members.flatMap((about) => {
      const since = about === from ? undefined : said.silentSince.get(about.rank)
      return since === undefined ? [] : [{ from, about, since }]
    })
  })
}
