/**
 * `npm run sim -- --seeds 1000` runs seeds on every core; `--from S` begins elsewhere, `--hours H` ends after that time,
 * `--profile P` forces the weather, `--first` ends with the first failure. `--seed S` replays one and, when it fails, prints what led to it; `--trace FILE` writes
 * all that happened, for ShiViz.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runSeed } from './cluster.ts'
import { FAULT_KINDS } from './faults.ts'
import { createRandom } from './random.ts'
import { type Result, runOne, runSeeds } from './run.ts'
import { SHIVIZ_PARSER } from './trace.ts'
import { drawWeather, isProfile, PROFILE_NAMES } from './weather.ts'

const USAGE =
  'usage: npm run sim -- [--seeds N] [--from S] [--hours H] [--jobs J] [--profile P] [--first] | --seed S [--profile P] [--trace FILE]'
/** In this many seeds every kind of fault must have happened. */
const ENOUGH_SEEDS = 1000
const TRACE_LINES = 80
const HOUR_MS = 3_600_000

async function main(): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      ...{ seeds: text, from: text, hours: text, jobs: text, seed: text, profile: text, trace: text },
      first: { type: 'boolean' },
    },
  })
  const { profile } = values
  if (profile !== undefined && !isProfile(profile))
    throw new Error(
      `no profile ${JSON.stringify(profile)}; there are ${PROFILE_NAMES.join(', ')}, each also with ", moody" behind it`,
    )
  if (values.seed !== undefined) return replay(whole(values.seed, 0), profile, values.trace)
  if (values.trace !== undefined) throw new Error('--trace is for one seed: give --seed, too')
  const hours = values.hours === undefined ? Number.POSITIVE_INFINITY : positive(values.hours)
  const seeds = whole(values.seeds, hours === Number.POSITIVE_INFINITY ? 100 : Number.MAX_SAFE_INTEGER)
  const jobs = values.jobs === undefined ? {} : { jobs: whole(values.jobs, 1) }
  const stopAtFailure = values.first === true
  return await many({ from: whole(values.from, 1), seeds, profile, limitMs: hours * HOUR_MS, stopAtFailure, ...jobs })
}

function whole(text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${JSON.stringify(text)} is not a whole number ≥ 0`)
  return value
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${JSON.stringify(text)} is not a number above 0`)
  return value
}

function replay(seed: number, profile: string | undefined, file: string | undefined): number {
  if (file !== undefined) {
    const { shiviz } = runSeed(seed, { profile, trace: true })
    writeFileSync(file, `${shiviz.join('\n')}\n`)
    console.log(`${shiviz.length} events are in ${file}: for ShiViz, with the parser expression ${SHIVIZ_PARSER}`)
  }
  const result = runOne(seed, { profile })
  for (const line of result.trace.slice(-TRACE_LINES)) console.log(line)
  console.log(describeWeather(seed, profile))
  console.log(describe(result))
  return result.failures.length > 0 ? 1 : 0
}

/** All that was drawn, as JSON. */
function describeWeather(seed: number, profile: string | undefined): string {
  const { slowLinks, ...weather } = drawWeather(seed, createRandom(seed), profile)
  return `weather ${JSON.stringify({ ...weather, slowLinks: [...slowLinks] })}`
}

async function many(plan: Parameters<typeof runSeeds>[0]): Promise<number> {
  const faults = new Map<string, number>(FAULT_KINDS.map((kind) => [kind, 0]))
  const sum = { seeds: 0, failed: 0, virtualMs: 0, positions: 0, acknowledged: 0, slowest: 0 }
  const begun = performance.now()
  await runSeeds(plan, (result) => {
    for (const [kind, times] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + times)
    sum.seeds++
    sum.virtualMs += result.virtualMs
    sum.positions += result.positions
    sum.acknowledged += result.acknowledged
    sum.slowest = Math.max(sum.slowest, result.wholeAfterMs)
    if (result.failures.length === 0) return
    sum.failed++
    for (const line of result.trace.slice(-TRACE_LINES)) console.log(line)
    console.log(`${describe(result)}\n  again: npm run sim -- --seed ${result.seed} --profile '${result.profile}'`)
  })
  const seconds = (performance.now() - begun) / 1000
  for (const [kind, times] of [...faults].sort()) console.log(`  ${kind.padEnd(34)} ${times}`)
  const virtual = Math.round(sum.virtualMs / 1000)
  console.log(
    `${sum.seeds} seeds, ${sum.failed} failed; ${sum.positions} positions, ${sum.acknowledged} acknowledged; whole again after at most ${sum.slowest} ms`,
  )
  console.log(`${virtual} virtual seconds in ${seconds.toFixed(1)} s: ${Math.round(virtual / seconds)} a second`)
  const never = [...faults].filter(([, times]) => times === 0).map(([kind]) => kind)
  const lacking = plan.profile === undefined && sum.seeds >= ENOUGH_SEEDS && never.length > 0
  if (lacking) console.log(`these faults never happened: ${never.join(', ')}`)
  return sum.failed > 0 || lacking ? 1 : 0
}

const describe = ({ seed, profile, servers, failures, positions, acknowledged, wholeAfterMs }: Result): string => {
  const verdict =
    failures.length === 0 ? `whole after ${wholeAfterMs} ms` : `FAILED: ${failures.slice(0, 3).join('\n    ')}`
  return `seed ${seed} (${profile}, ${servers} servers): ${positions} positions, ${acknowledged} acknowledged, ${verdict}`
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  process.exitCode = 1
}
