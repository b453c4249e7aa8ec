/** Processes of every kind are killed with `kill -9` at random moments under load, several at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../support/garbage.ts'
import { startTrial } from '../support/hostile/trial.ts'

const ROUNDS = 5

test('random kill -9 of servers, ref, broker and proxy', async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster, servers } = hostile
  const next = random(1)
  const kills = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    // Once all servers at the same moment; otherwise one of them, one of the others, or both.
    const server = servers[Math.floor(next() * servers.length)]!
    const other = ['ref', 'broker', 'proxy'][round % 3]!
    const victims = round === 2 ? servers : [[server], [other], [server, other]][Math.floor(next() * 3)]!
    const starts = victims.map((name) => cluster.starts(name))
    for (const name of victims) {
      cluster.kill(name)
      kills.set(name, (kills.get(name) ?? 0) + 1)
    }
    cluster.assertPrefixes()
    await load.more(5)
    await Promise.all(victims.map((name, index) => cluster.back(name, starts[index]!)))
  }
  for (const [name, times] of kills)
    assert.equal(cluster.starts(name), times + 1, `${name} was started again each time`)
  t.diagnostic(`killed: ${[...kills].map(([name, times]) => `${name} ${times}`).join(', ')}`)
  await finish()
})
