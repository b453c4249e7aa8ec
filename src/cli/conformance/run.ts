/** Tries rules one after the other; none keeps the others from being tried, unless nobody answers any more. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createProbe } from './probe.ts'
import { Deviation, type Level, NotApplicable, type Rule, Silence } from './rule.ts'

export type Target = { broker: string; proxy: string | null; level: Level }

export type Verdict =
  | { result: 'ok' }
  | { result: 'failed'; expected: string; got: string }
  | { result: 'skipped'; why: string }

/** A rule has several requests; each has its own, shorter limit. */
const RULE_MS = 60_000
const PAUSES_MS = [500, 1000, 2000, 4000, 8000]

/** @param onVerdict told of each rule as soon as it was tried */
export async function runRules(
  rules: readonly Rule[],
  target: Target,
  onVerdict: (rule: Rule, verdict: Verdict) => void,
): Promise<void> {
  const unique = `cf${randomBytes(4).toString('hex')}`
  const clock = { value: 0 }
  const broken = new Set<string>()
  let silentSince: string | null = null
  for (const [index, rule] of rules.entries()) {
    const why = whyNot(rule, target, broken, silentSince)
    if (why !== null) {
      broken.add(rule.id)
      onVerdict(rule, { result: 'skipped', why })
      continue
    }
    const { verdict, silent } = await tryUndisturbed(rule, target, `${unique}-${index}`, clock)
    if (verdict.result !== 'ok') broken.add(rule.id)
    onVerdict(rule, verdict)
    if (silent && !(await isThere(target, unique, clock))) silentSince = rule.id
  }
}

function whyNot(rule: Rule, target: Target, broken: ReadonlySet<string>, silentSince: string | null): string | null {
  if (silentSince !== null) return `the broker answers nothing since ${silentSince}`
  const missing = (rule.needs ?? []).find((id) => broken.has(id))
  if (missing !== undefined) return `needs ${missing}`
  return rule.proxy === true && target.proxy === null ? 'no --proxy was given' : null
}

type Trial = { verdict: Verdict; silent: boolean; disturbed: boolean }

/** Tries a rule, again with other names while the broker says "not now": a server died, or had too much to do. */
async function tryUndisturbed(rule: Rule, target: Target, unique: string, clock: { value: number }): Promise<Trial> {
  for (const [attempt, pauseMs] of PAUSES_MS.entries()) {
    const trial = await tryRule(rule, target, attempt === 0 ? unique : `${unique}.${attempt}`, clock)
    if (!trial.disturbed) return trial
    await sleep(pauseMs)
  }
  return tryRule(rule, target, `${unique}.${PAUSES_MS.length}`, clock)
}

async function tryRule(rule: Rule, target: Target, unique: string, clock: { value: number }): Promise<Trial> {
  const probe = createProbe(target, unique, clock)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Silence('an end', `none in ${RULE_MS / 1000} s`)), RULE_MS)
  })
  const checking = rule.check(probe)
  // After its time is over it may still fail; that is nobody's business.
  checking.catch(() => {})
  try {
    await Promise.race([checking, late])
    return { verdict: { result: 'ok' }, silent: false, disturbed: probe.disturbed }
  } catch (error) {
    const { disturbed } = probe
    if (error instanceof NotApplicable)
      return { verdict: { result: 'skipped', why: error.message }, silent: false, disturbed }
    if (!(error instanceof Deviation)) throw error
    const { expected, got } = error
    return { verdict: { result: 'failed', expected, got }, silent: error instanceof Silence, disturbed }
  } finally {
    clearTimeout(timer)
    probe.close()
  }
}

/** Whether the simplest request is answered by anything at all. */
async function isThere(target: Target, unique: string, clock: { value: number }): Promise<boolean> {
  const probe = createProbe(target, unique, clock)
  try {
    await probe.ask('users')
    return true
  } catch (error) {
    if (!(error instanceof Deviation)) throw error
    return !(error instanceof Silence)
  } finally {
    probe.close()
  }
}
