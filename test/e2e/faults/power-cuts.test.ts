/** Servers lose their power under load, with everything that was not fsynced: on real file systems of their own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../support/cluster.ts'
import { cutPower } from '../support/hostile/power.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { startTrial } from '../support/hostile/trial.ts'

const skip = isMissing('disks')

test('all servers lose their power at the same moment, three times', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t, { disks: true })
  const { servers, cluster } = hostile
  let lost = 0
  for (let time = 0; time < 3; time++) {
    await load.more(10)
    const cuts = await Promise.all(servers.map((server) => cutPower(hostile, server)))
    lost += cuts.reduce((sum, { lostBytes }) => sum + lostBytes, 0)
    for (const server of servers) hostile.bringUp(server)
    await hostile.whole()
  }
  for (const server of servers) assert.equal(cluster.starts(server), 4)
  const damaged = cluster.records().filter(({ aside }) => aside !== undefined)
  assert.deepEqual(damaged, [], 'what a power cut leaves is not taken for damage')
  assert.ok(lost > 0, 'something that was not fsynced is gone')
  t.diagnostic(`${lost} bytes of public files were lost and made again from the journals`)
  await finish()
})

test('one after the other loses its power while the others go on', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t, { disks: true })
  for (const server of hostile.servers) {
    await load.more(10)
    const before = load.answered()
    await cutPower(hostile, server)
    await waitFor(() => load.answered() > before, 'answers while it is off')
    hostile.bringUp(server)
    await hostile.whole()
  }
  await finish()
})
