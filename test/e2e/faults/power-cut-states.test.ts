/**
 * A real server's writes and fsyncs are recorded; from them the test makes directories as a power cut at some moment
 * could have left them, on a disk that keeps only what it must, and starts the server on each. It is alone, so what it
 * had acknowledged can come from nowhere else.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { linesOf, startCluster } from '../support/cluster.ts'
import { random } from '../support/garbage.ts'
import { assertHistory, assertOrder, type Operation } from '../support/history.ts'
import { DiskModel } from '../support/hostile/disk-model.ts'
import { startHostile } from '../support/hostile/hostile.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { type FileEvent, readTraces, traceCommand } from '../support/hostile/trace.ts'
import { startLoad } from '../support/load.ts'
import { temporaryFolder } from '../support/temporary.ts'

const skip = isMissing('strace')

type Recording = { folder: string; dataDir: string; events: FileEvent[]; operations: Operation[] }

/** Runs a server under load, killed in between for checkpoints, and records what it and ref do to their files. */
async function record(t: TestContext): Promise<Recording> {
  const folder = temporaryFolder(t)
  const traces = { 'server-1': join(folder, 'server.trace'), ref: join(folder, 'ref.trace') }
  const prefixes = Object.fromEntries(Object.entries(traces).map(([name, path]) => [name, traceCommand(path)]))
  const hostile = await startHostile({ servers: 1, prefixes })
  t.after(() => hostile.stop())
  const operations: Operation[] = []
  for (const prefix of ['first-', 'second-', 'third-']) {
    const load = await startLoad({ broker: hostile.brokerUrl, prefix })
    await load.more(15)
    await load.stop()
    operations.push(...load.operations())
    if (prefix === 'third-') break
    // While it has nothing to do: nobody would know whether a call under way had its effect.
    const starts = hostile.cluster.starts('server-1')
    hostile.cluster.kill('server-1')
    await hostile.cluster.back('server-1', starts)
  }
  await hostile.cluster.stop({ keepData: true })
  const { dataDir } = hostile.cluster
  return { folder, dataDir, events: readTraces(Object.values(traces), dataDir), operations }
}

test('whatever a power cut leaves, what was acknowledged is there', { skip }, async (t) => {
  const recording = await record(t)
  const { events, dataDir, folder, operations } = recording
  t.diagnostic(`${events.length} calls, ${operations.length} operations`)
  // The record is complete: with all of it done, the files are what they really are.
  const whole = join(folder, 'whole')
  new DiskModel(events, Number.POSITIVE_INFINITY).writeTo(whole, dataDir, () => true)
  for (const part of ['ref', 'server-1']) assert.deepEqual(contents(join(whole, part)), contents(join(dataDir, part)))

  const next = random(11)
  for (const [index, crash] of momentsOf(events, next).entries()) {
    // From "nothing that need not" to "nearly everything", and mixtures.
    const share = [0, 0.5, 0.9][index % 3]!
    await checkState(t, recording, crash, () => next() < share)
  }
})

/** Lines of the trace at which the power goes: some before and behind each kind of event, and some anywhere. */
function momentsOf(events: readonly FileEvent[], next: () => number): number[] {
  const pick = (all: readonly FileEvent[]): FileEvent => all[Math.floor(next() * all.length)]!
  // Before the first checkpoint nothing was acknowledged yet.
  const later = events.slice(Math.floor(events.length / 4))
  const saves = later.filter(({ kind, path }) => kind === 'rename' && path.endsWith('server.json.new'))
  const segments = later.filter(({ kind, path }) => kind === 'rename' && path.endsWith('.free'))
  const writes = later.filter(({ kind }) => kind === 'write')
  assert.ok(saves.length > 0 && segments.length > 0, 'there were checkpoints')
  return [
    pick(saves).ended,
    pick(saves).ended + 1,
    pick(segments).ended + 1,
    pick(writes).ended + 1,
    pick(later).ended,
  ].concat(Array.from({ length: 2 }, () => pick(writes).ended + 1))
}

async function checkState(t: TestContext, recording: Recording, crash: number, survives: () => boolean): Promise<void> {
  const { events, folder, operations } = recording
  const dataDir = join(folder, `crash-${crash}`)
  new DiskModel(events, crash).writeTo(dataDir, recording.dataDir, survives)
  const cutAtMs = events.find(({ started }) => started >= crash)?.atMs ?? Number.POSITIVE_INFINITY
  const before = ({ answeredAt }: Operation): boolean =>
    answeredAt !== null && performance.timeOrigin + answeredAt < cutAtMs - CLOCK_MS
  // What was not answered before may have happened or not.
  const known = operations.map((one): Operation => (before(one) ? one : { ...one, result: 'unknown' }))
  const cluster = await startCluster({ servers: 1, dataDir })
  try {
    await cluster.ready
    const files = cluster.publicFiles()
    const aside = cluster.records().find((one) => one.aside !== undefined)
    assert.equal(aside, undefined, `taken for damage: ${aside?.msg}`)
    assertHistory(known, 'everybody', files)
    assertOrder(files, 'server-1')
    const acknowledged = known.filter(({ result }) => result === 'ok').length
    const lines = Object.keys(files['server-1']!).reduce(
      (sum, name) => sum + linesOf(files, 'server-1', name).length,
      0,
    )
    t.diagnostic(`power cut at call ${crash}: ${acknowledged} acknowledged, ${lines} lines`)
  } finally {
    await cluster.stop({ keepData: true })
  }
  rmSync(dataDir, { recursive: true })
}

/** The trace has microseconds, and so has the clients' clock. */
const CLOCK_MS = 1

const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, readFileSync(join(folder, name), 'latin1')]),
  )
