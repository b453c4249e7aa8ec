/**
 * `npm run sim -- --seeds 1000` runs seeds one after the other; `--from S` begins elsewhere; `--seed S` replays one (`--profile P` forces
 * its weather, as for the kept ones in seeds.json) and prints what led to a failure.
 */
import { parseArgs } from 'node:util'
import { type Outcome, runSeed } from './cluster.ts'

const USAGE = 'usage: npm run sim -- [--seeds N] [--from S] | --seed S [--profile P] [--trace]'

function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      profile: { type: 'string' },
      trace: { type: 'boolean' },
    },
  })
  const count = (text: string | undefined, fallback: number): number => {
    const value = text === undefined ? fallback : Number(text)
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${JSON.stringify(text)} is not a whole number ≥ 0`)
    return value
  }
  if (values.seed !== undefined) {
    const outcome = runSeed(count(values.seed, 0), values.profile)
    if (values.trace || outcome.failures.length > 0) for (const line of outcome.trace) console.log(line)
    console.log(describe(outcome))
    return outcome.failures.length > 0 ? 1 : 0
  }
  return runSeeds(count(values.from, 1), count(values.seeds, 100))
}

function runSeeds(from: number, seeds: number): number {
  const faults = new Map<string, number>()
  const begun = process.hrtime.bigint()
  let failed = 0
  let virtualMs = 0
  let slowest = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = runSeed(seed)
    for (const [kind, times] of outcome.faults) faults.set(kind, (faults.get(kind) ?? 0) + times)
    virtualMs += outcome.virtualMs
    slowest = Math.max(slowest, outcome.wholeAfterMs)
    if (outcome.failures.length === 0) continue
    failed++
    console.log(`${describe(outcome)}\n  again: npm run sim -- --seed ${seed} --profile '${outcome.weather.profile}'`)
  }
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9
  for (const [kind, times] of [...faults].sort()) console.log(`  ${kind.padEnd(18)} ${times}`)
  console.log(
    `${seeds} seeds, ${failed} failed; ${Math.round(virtualMs / 1000)} virtual seconds in ${seconds.toFixed(1)} s; whole again after at most ${slowest} ms`,
  )
  return failed > 0 ? 1 : 0
}

const describe = ({ seed, weather, failures, positions, acknowledged, wholeAfterMs }: Outcome): string => {
  const verdict =
    failures.length === 0 ? `whole after ${wholeAfterMs} ms` : `FAILED: ${failures.slice(0, 3).join('\n    ')}`
  return `seed ${seed} (${weather.profile}, ${weather.servers} servers): ${positions} positions, ${acknowledged} acknowledged, ${verdict}`
}

try {
  process.exitCode = main()
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  process.exitCode = 1
}
