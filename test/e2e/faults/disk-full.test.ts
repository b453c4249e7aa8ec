/** A server's disk, a real file system of its own, is filled to the last byte under load, and freed again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesOf, waitFor } from '../support/cluster.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { startTrial } from '../support/hostile/trial.ts'

const skip = isMissing('disks')

test('full: it refuses what it cannot keep, the others go on, and it catches up by itself', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t, { disks: true })
  const { cluster, disks } = hostile
  const said = (text: string): boolean =>
    cluster.records().some(({ process, msg }) => process === 'server-2' && String(msg).includes(text))
  const written = (server: string): number => linesOf(cluster.publicFiles(), server, 'publications.jsonl').length

  const bytes = await disks.fill('server-2')
  assert.ok(bytes > 1 << 20)
  await waitFor(() => said('the disk is full'), 'server-2 to find its disk full')
  const before = written('server-2')
  await load.more(20)
  // Its public files could not grow: that is what a full disk does, and what reads must not hide.
  assert.ok(written('server-2') - before < written('server-1') - before, 'server-2 fell behind')
  const starts = cluster.starts('server-2')
  disks.free('server-2')
  await waitFor(() => said('the disk has room again'), 'server-2 to find room again')
  await load.more(20)
  assert.equal(cluster.starts('server-2'), starts, 'it never had to be started again')
  t.diagnostic(`${bytes} bytes were taken`)
  await finish()
})

test('all disks full at once: nothing is answered OK that is not kept', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t, { disks: true })
  const { disks, servers, cluster } = hostile
  await Promise.all(servers.map((server) => disks.fill(server)))
  const full = (): number => cluster.records().filter(({ msg }) => String(msg).includes('the disk is full')).length
  await waitFor(() => full() >= servers.length, 'every server to find its disk full')
  const refused = (): number => load.operations().filter(({ error }) => error.startsWith('unavailable')).length
  await waitFor(() => refused() > 0, 'a write to be refused')
  for (const server of servers) disks.free(server)
  await load.more(10)
  t.diagnostic(`${refused()} writes were refused`)
  await finish()
})
