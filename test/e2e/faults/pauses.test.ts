/** Processes are stopped with SIGSTOP for some seconds and then go on as if nothing had been (SIGCONT). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../support/cluster.ts'
import { startTrial } from '../support/hostile/trial.ts'

test('a server that stops is left out and comes back; one that stops only briefly is not', async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster } = hostile
  const leftOut = (rank: number): number =>
    cluster.records().filter(({ msg, left_out }) => msg === 'new view' && (left_out as number[]).includes(rank)).length

  cluster.kill('server-1', 'SIGSTOP')
  await waitFor(() => leftOut(1) > 0, 'server-1 to be left out')
  await load.more(10)
  cluster.kill('server-1', 'SIGCONT')
  await hostile.whole()
  assert.equal(leftOut(1), 1)

  cluster.kill('server-2', 'SIGSTOP')
  const said = load.answered()
  await waitFor(() => load.answered() > said + 5, 'answers while it is stopped')
  cluster.kill('server-2', 'SIGCONT')
  await load.more(10)
  await finish()
})

test('ref, broker and proxy stop in turn, then all servers at once', async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster, servers } = hostile
  for (const name of ['ref', 'proxy']) {
    cluster.kill(name, 'SIGSTOP')
    await load.more(20)
    cluster.kill(name, 'SIGCONT')
  }
  for (const stopped of [['broker'], servers]) {
    const before = load.answered()
    for (const name of stopped) cluster.kill(name, 'SIGSTOP')
    // What was on its way may still arrive; then nothing can.
    const operations = (): number => load.operations().length
    await waitFor(() => {
      const since = performance.now() - 2000
      return load.operations().every(({ answeredAt }) => answeredAt === null || answeredAt < since)
    }, 'two seconds without an answer')
    assert.ok(operations() > 0 && load.answered() <= before + servers.length * 10, `${stopped} stopped`)
    for (const name of stopped) cluster.kill(name, 'SIGCONT')
    await load.more(10)
  }
  for (const name of hostile.names) assert.equal(cluster.starts(name), 1, `${name} lived through it`)
  await finish()
})
