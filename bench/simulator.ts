/**
 * `npm run bench:sim [-- --seeds N]`: how many virtual seconds of a cluster one second of one core simulates, over all kinds
 * of weather, with about a minute of it a seed.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runSeed } from '../sim/cluster.ts'

/** With the calm behind it, a seed has about a minute. */
const RAGE_MS = 55_000
const TARGET = { seeds: 1000, seconds: 60 }

const { values } = parseArgs({ options: { seeds: { type: 'string' } } })
const seeds = Number(values.seeds ?? 50)
if (!Number.isSafeInteger(seeds) || seeds < 1) {
  console.error(`--seeds takes a whole number ≥ 1, got ${JSON.stringify(values.seeds)}`)
  process.exit(1)
}
// The first seeds pay for compiling.
for (let seed = 1; seed <= 5; seed++) runSeed(seed, { rage: 5000 })
const before = process.cpuUsage()
let virtual = 0
let positions = 0
for (let seed = 1; seed <= seeds; seed++) {
  const outcome = runSeed(seed, { rage: RAGE_MS })
  virtual += outcome.virtualMs / 1000
  positions += outcome.positions
}
const { user, system } = process.cpuUsage(before)
const cpu = (user + system) / 1e6
const rate = virtual / cpu
const minutes = (TARGET.seeds * TARGET.seconds) / rate / 60
console.log(
  `${seeds} seeds: ${virtual.toFixed(0)} virtual seconds, ${positions} positions, in ${cpu.toFixed(1)} s of CPU`,
)
console.log(`${rate.toFixed(0)} virtual seconds a second of one core`)
console.log(
  `${TARGET.seeds} seeds of ${TARGET.seconds} virtual seconds: ${minutes.toFixed(1)} min on one core, ${(minutes / availableParallelism()).toFixed(1)} min on the ${availableParallelism()} of this machine`,
)
