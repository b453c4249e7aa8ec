/** How verdicts are shown: a line a rule as it is tried, or one JSON document at the end. */
import { isColorSupported } from 'pino-pretty'
import type { Rule } from './rule.ts'
import type { Target, Verdict } from './run.ts'

export type Judged = { rule: Rule; verdict: Verdict }

const SHOWN = { ok: ['ok', 32], failed: ['FAILED', 31], skipped: ['skipped', 33] } as const
const INDENT = ' '.repeat(11)

/** The lines for one rule; a heading first where another section or level begins. */
export function linesFor({ rule, verdict }: Judged, before: Rule | null, width: number): string[] {
  const lines: string[] = []
  if (before === null || before.section !== rule.section || before.level !== rule.level) {
    const level = rule.level === 'course' ? 'course, ' : ''
    lines.push('', `${level}docs/protocol.md#${rule.section}`)
  }
  const [word, colour] = SHOWN[verdict.result]
  lines.push(`  ${coloured(word.padEnd(7), colour)}  ${rule.id.padEnd(width)}  ${rule.says}`)
  if (verdict.result === 'failed')
    lines.push(`${INDENT}expected  ${verdict.expected}`, `${INDENT}got       ${verdict.got}`)
  if (verdict.result === 'skipped') lines.push(`${INDENT}because   ${verdict.why}`)
  return lines
}

const coloured = (text: string, colour: number): string =>
  isColorSupported ? `\u001b[${colour}m${text}\u001b[39m` : text

export const describeTarget = ({ broker, proxy, level }: Target): string =>
  `${broker}, ${proxy === null ? 'no proxy' : `proxy ${proxy}`}, level ${level}`

const count = (judged: readonly Judged[], result: Verdict['result']): number =>
  judged.filter(({ verdict }) => verdict.result === result).length

export function summary(judged: readonly Judged[]): string {
  const [ok, failed, skipped] = (['ok', 'failed', 'skipped'] as const).map((result) => count(judged, result))
  return `${judged.length} rules: ${ok} ok, ${failed} failed, ${skipped} skipped`
}

/** The whole report for programs. */
export function toJson(target: Target, judged: readonly Judged[]): object {
  return {
    ...target,
    ok: count(judged, 'failed') === 0,
    counts: { ok: count(judged, 'ok'), failed: count(judged, 'failed'), skipped: count(judged, 'skipped') },
    rules: judged.map(({ rule: { id, section, level, says }, verdict }) => ({ id, section, level, says, ...verdict })),
  }
}
