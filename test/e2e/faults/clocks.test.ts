/**
 * Wall clocks of processes are set wrong by an hour, forth and back, under load: time limits and order do not go by them,
 * and the servers' synchronised clocks do not follow one that is alone with its opinion.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../support/cluster.ts'
import { orderedLines } from '../support/history.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { startTrial } from '../support/hostile/trial.ts'

const skip = isMissing('faketime')
const HOUR_S = 3600

test('clocks jump by an hour: nothing ends, nothing is lost, no server follows', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t, { clocks: true })
  const { cluster, clocks, names } = hostile
  const set = async (name: string, seconds: number): Promise<void> => {
    const sets = (): number =>
      cluster.records().filter(({ process, msg }) => process === name && msg === "the system's clock was set").length
    const corrections = (): number =>
      cluster.records().filter((record) => isOutlier(record, Number(name.split('-')[1]))).length
    const before = { sets: sets(), corrections: corrections() }
    clocks.set(name, seconds)
    await waitFor(() => sets() > before.sets, `${name} to notice that its clock was set`)
    await waitFor(() => corrections() > before.corrections, `a round to throw out the clock of ${name}`)
    await load.more(20)
  }
  await set('server-1', HOUR_S)
  await set('server-2', -HOUR_S)
  await set('server-3', HOUR_S)
  for (const name of ['ref', 'broker', 'proxy']) clocks.set(name, HOUR_S)
  await load.more(20)
  for (const name of ['server-3', 'server-2', 'server-1']) await set(name, 0)
  for (const name of ['ref', 'broker', 'proxy']) clocks.set(name, 0)
  await load.more(20)
  const lines = orderedLines(cluster.publicFiles(), 'server-1')
  const newest = lines.slice(-20).map(({ time }) => Number(time) - Date.now())
  // It may have run at half or double speed for some seconds until the others said that it is alone.
  assert.ok(
    newest.every((ahead) => Math.abs(ahead) < 60_000),
    `events are off by ${newest.join(', ')} ms`,
  )
  for (const name of names) assert.equal(cluster.starts(name), 1, `${name} lived through it`)
  const views = cluster.records().filter(({ msg }) => msg === 'new view')
  // Not more than one unless the machine is so slow that somebody seems silent.
  t.diagnostic(`${views.length} views`)
  await finish()
})

/** Whether a record is about a round in which a rank's clock did not count. */
const isOutlier = ({ thrown_out: thrownOut }: Record<string, unknown>, rank: number): boolean =>
  Array.isArray(thrownOut) && thrownOut.includes(rank)
