/** Wall clocks of servers jump by an hour, forth and back, under load; time limits and order do not go by them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../support/cluster.ts'
import { orderedLines } from '../support/history.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { startTrial } from '../support/hostile/trial.ts'

const skip = isMissing('faketime')
const HOUR_S = 3600

test('clocks jump by an hour: nothing ends, nothing is lost', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t, { clocks: true })
  const { cluster, clocks, names } = hostile
  /** How far the newest event that a server has made is ahead of this process's clock, hours. */
  const ahead = (rank: number): number => {
    const lines = orderedLines(cluster.publicFiles(), 'server-1')
    const newest = lines.findLast(({ origin }) => String(origin).startsWith(`server-${rank}@`))
    return Math.round((Number(newest?.time) - Date.now()) / 1000 / HOUR_S)
  }
  const jumps: [name: string, hours: number][] = [
    ['server-1', 1],
    ['server-2', -1],
    ['server-3', 1],
  ]
  for (const [name, hours] of jumps) {
    clocks.set(name, hours * HOUR_S)
    const rank = Number(name.split('-')[1])
    await waitFor(
      () => ahead(rank) === hours,
      () => `the clock of ${name} to be off by ${hours} h, it is by ${ahead(rank)} h`,
    )
  }
  for (const name of ['ref', 'broker', 'proxy']) clocks.set(name, HOUR_S)
  await load.more(20)
  for (const name of names) clocks.set(name, 0)
  await waitFor(() => [1, 2, 3].every((rank) => ahead(rank) === 0), 'all clocks to be right again')
  await load.more(20)
  for (const name of names) assert.equal(cluster.starts(name), 1, `${name} lived through it`)
  const views = cluster.records().filter(({ msg }) => msg === 'new view')
  // Not more than one unless the machine is so slow that somebody seems silent.
  t.diagnostic(`${views.length} views`)
  await finish()
})
