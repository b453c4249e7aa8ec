/** One run: cluster, clients and faults; then everything is mended, becomes whole, and is judged. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { areEqual, type PublicFiles } from '../test/e2e/support/files.ts'
import { type Hostile, startHostile } from '../test/e2e/support/hostile/hostile.ts'
import { type Load, startLoad } from '../test/e2e/support/load.ts'
import { waitFor } from '../test/e2e/support/wait.ts'
import { createChance } from './chance.ts'
import type { Fault } from './fault.ts'
import { runStorm, type Storm } from './storm.ts'
import { isClean, judge, type Verdict } from './verdict.ts'

export type ChaosOptions = {
  minutes: number
  seed: number
  servers: number
  faults: readonly Fault[]
  /** Ends it early. */
  signal: AbortSignal
}

const SETTLE_LIMIT_MS = 90_000
const SHOWN = 10

/** Runs, and prints what happens and the verdict. @returns whether the verdict is clean */
export async function runChaos(options: ChaosOptions): Promise<boolean> {
  const { seed, servers, faults, minutes } = options
  console.log(`seed ${seed}, ${servers} servers, ${minutes} minutes; kinds of faults: ${faults.length}`)
  const tools = new Set(faults.flatMap((fault) => fault.tools))
  const parts = { network: tools.has('proc'), disks: tools.has('disks'), clocks: tools.has('faketime') }
  const hostile = await startHostile({ servers, ...parts })
  const begun = Date.now()
  const log = (line: string): void => console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  let clean = false
  try {
    const load = await startLoad({ broker: hostile.brokerUrl, library: 4, plain: 4, seed, pauseMs: 20 })
    const until = begun + minutes * 60_000
    const storm = await runStorm({ hostile, faults, chance: createChance(seed), until, signal: options.signal, log })
    const failures = [...storm.failures, ...(await settle(hostile, load, log))]
    const files = hostile.cluster.publicFiles()
    const operations = load.operations()
    const verdict = judge(operations, files)
    const diverged = hostile.cluster.records().filter(({ msg }) => /DIVERGED|crashed/.test(String(msg)))
    failures.push(...diverged.map(({ process, msg }) => `${process}: ${msg}`))
    clean = isClean(verdict) && failures.length === 0 && load.violations.length === 0
    report({ load, storm, verdict, failures, lines: countLines(files) })
    if (!clean) keep(hostile, { operations, verdict, violations: load.violations, failures })
  } finally {
    await hostile.stop({ keepData: !clean })
  }
  console.log(clean ? 'verdict: clean' : `verdict: NOT CLEAN; data, log and histories are in ${hostile.directory}`)
  return clean
}

/** Everything mended: the cluster must become whole, work, and have the same files everywhere. @returns what did not */
async function settle({ cluster, whole }: Hostile, load: Load, log: (line: string) => void): Promise<string[]> {
  const failures: string[] = []
  const must = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const from = Date.now()
    try {
      await work()
      log(`${what} after ${((Date.now() - from) / 1000).toFixed(1)} s`)
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  await must('whole', whole)
  await must('every client is answered OK again', () => load.more(5))
  await must('all clients stopped', load.stop)
  await must('files equal', () => waitFor(() => areEqual(cluster.publicFiles()), 'equal files', SETTLE_LIMIT_MS))
  return failures
}

type Outcome = { load: Load; storm: Storm; verdict: Verdict; failures: string[]; lines: number }

function report({ load, storm, verdict, failures, lines }: Outcome): void {
  const operations = load.operations()
  const count = (result: string): number => operations.filter((one) => one.result === result).length
  const { exact, stale, failed } = load.reads
  const { lost, doubled, phantom, misplaced, disorder, equal } = verdict
  const list = (counts: Map<string, number>): string => [...counts].map(([kind, n]) => `${kind} ${n}`).join(', ')
  console.log(`
operations: ${count('ok')} OK, ${count('unknown')} unknown, ${count('refused')} refused; ${lines} lines in the files
reads: ${exact} exact, ${stale} stale, ${failed} without an answer
faults injected: ${list(storm.fired)}
without effect: ${list(storm.missed) || 'none'}
longest time without an OK: ${(load.longestWithoutOkMs() / 1000).toFixed(1)} s
lost ${lost.length}, doubled ${doubled.length}, phantom ${phantom.length}, out of order ${misplaced.length + disorder.length}, wrong reads ${load.violations.length}
files equal: ${equal ? 'yes' : 'NO'}`)
  if (failures.length > 0 && lost.length > 0)
    console.log('(the cluster did not become whole: what is lost here may still be in journals)')
  const wrong = { lost, doubled, phantom, misplaced, disorder, 'wrong reads': load.violations, failures }
  for (const [kind, all] of Object.entries(wrong))
    for (const what of all.slice(0, SHOWN)) console.log(`${kind}: ${what}`)
}

const countLines = (files: PublicFiles): number =>
  Object.values(Object.values(files)[0] ?? {}).reduce(
    (sum, bytes) => sum + bytes.toString('latin1').split('\n').length - 1,
    0,
  )

/** What is needed to find out; the disks are unmounted in the end, so their content is copied. */
function keep({ cluster, directory, servers }: Hostile, histories: Record<string, unknown>): void {
  const kept = join(directory, 'kept')
  mkdirSync(kept)
  for (const server of servers)
    cpSync(join(cluster.dataDir, server), join(kept, server), { recursive: true, filter: isFile })
  for (const [name, value] of Object.entries(histories))
    writeFileSync(join(kept, `${name}.json`), `${JSON.stringify(value, null, 1)}\n`)
  writeFileSync(join(kept, 'log.jsonl'), cluster.log())
}

/** No sockets. */
const isFile = (path: string): boolean => !/\/\.?lock-/.test(path)
