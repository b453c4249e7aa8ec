/**
 * `npm run chaos -- --minutes 5`: a cluster of its own, clients of all kinds at work, faults of all kinds at random, and
 * a verdict. Ctrl-C ends it early, with the verdict so far.
 */
import { parseArgs } from 'node:util'
import { isMissing } from '../test/e2e/support/hostile/tools.ts'
import { runChaos } from './chaos.ts'
import type { Fault } from './fault.ts'
import { FAULTS } from './storm.ts'

const USAGE = `usage: npm run chaos -- [--minutes 5] [--seed S] [--servers 3] [--faults "kill,pause"]
faults: ${FAULTS.map(({ kind }) => kind).join(', ')}`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...{ minutes: { type: 'string' }, seed: { type: 'string' } },
      ...{ servers: { type: 'string' }, faults: { type: 'string' } },
    },
  })
  const minutes = number(values.minutes ?? '5', 0.05, 24 * 60)
  const seed = number(values.seed ?? String(Date.now() % 1_000_000), 0, 2 ** 31)
  const servers = number(values.servers ?? '3', 1, 9)
  const faults = usable(values.faults?.split(',') ?? FAULTS.map(({ kind }) => kind))
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
  return (await runChaos({ minutes, seed, servers, faults, signal: stop.signal })) ? 0 : 1
}

function number(text: string, least: number, most: number): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new Error(`${JSON.stringify(text)} is no number from ${least} to ${most}\n${USAGE}`)
  return value
}

/** The faults of these kinds whose tools are there; in CI a missing tool is an error (tools.ts). */
function usable(kinds: readonly string[]): Fault[] {
  return kinds.flatMap((kind) => {
    const fault = FAULTS.find((one) => one.kind === kind.trim())
    if (fault === undefined) throw new Error(`there is no fault ${JSON.stringify(kind)}\n${USAGE}`)
    const missing = isMissing(...fault.tools)
    if (missing === false) return [fault]
    console.log(`left out: ${kind}: ${missing}`)
    return []
  })
}

// Whatever of the cluster still holds on to this process.
try {
  process.exit(await main())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
