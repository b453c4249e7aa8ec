/** What the log says of rounds: those in which something happened, and otherwise one every now and then. */
import type { Data } from '../protocol/envelope.ts'
import type { Rank } from '../protocol/replica.ts'
import type { Conclusion } from './rounds.ts'

/** A round in which nothing happened is told this long after the last one; one that worries, again after as long. ms */
const QUIET_MS = 10_000
/** A correction by more than this is worth a line, ms. */
const NOTABLE_MS = 5

export type Story = { toldAt: number; told: string }

export type RoundLog = { type: 'log'; level: 'debug' | 'info' | 'warn'; text: string; fields: Data }

export const createStory = (): Story => ({ toldAt: Number.NEGATIVE_INFINITY, told: '' })

/** @param now monotonic, ms */
export function tellRound(story: Story, conclusion: Conclusion, term: number, now: number): RoundLog[] {
  const { agreement, findings, silent } = conclusion
  const thrownOut = agreement?.thrownOut ?? []
  // Who is where, as far as it does not change all the time.
  const situation = JSON.stringify([term, agreement === null, thrownOut, silent])
  const isNotable = situation !== story.told || findings.some(({ correction }) => Math.abs(correction) > NOTABLE_MS)
  const worries = agreement === null || thrownOut.length > 0
  const level = !isNotable && now - story.toldAt < QUIET_MS ? 'debug' : worries ? 'warn' : 'info'
  if (level !== 'debug') Object.assign(story, { toldAt: now, told: situation })
  return [{ type: 'log', level, text: textOf(conclusion), fields: fieldsOf(conclusion, term) }]
}

function textOf({ agreement }: Conclusion): string {
  if (agreement === null) return 'round: no majority of clocks within 10 s of each other, so no correction'
  return agreement.thrownOut.length > 0 ? 'round: clocks that are more than 10 s away are thrown out' : 'round'
}

function fieldsOf({ round, agreement, findings, silent }: Conclusion, term: number): Data {
  const by = (value: (finding: Conclusion['findings'][number]) => number | null): Data => {
    const sorted = [...findings].sort((a, b) => a.rank - b.rank)
    return Object.fromEntries(sorted.map((finding) => [finding.rank, thousandths(value(finding))]))
  }
  const list = (name: string, ranks: readonly Rank[]): Data => (ranks.length === 0 ? {} : { [name]: ranks })
  return {
    ...{ round, term, offset_ms: by(({ offset }) => offset), error_ms: by(({ error }) => error) },
    ...{ round_trip_ms: by(({ roundTrip }) => roundTrip), correction_ms: by(({ correction }) => correction) },
    ...list('thrown_out', agreement?.thrownOut ?? []),
    ...list('silent', silent),
  }
}

const thousandths = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 1000) / 1000)
