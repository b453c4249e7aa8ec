/** fsync fails, and takes long, in running servers; Debian's strace answers in the kernel's place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../support/cluster.ts'
import { injectFsync } from '../support/hostile/syscalls.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { startTrial } from '../support/hostile/trial.ts'

const skip = isMissing('strace')

test('an fsync that fails ends the server, and it comes back; each in turn', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster, directory, servers } = hostile
  for (const server of servers) {
    const starts = cluster.starts(server)
    const injection = await injectFsync(directory, cluster.pid(server)!, { error: 'EIO' })
    await waitFor(() => cluster.starts(server) > starts, `${server} to end and be started again`)
    await injection.stop()
    assert.ok(injection.fired() > 0, 'an fsync failed')
    const reason = cluster.records().findLast(({ msg, child }) => msg === 'could not start' && child === server)?.reason
    assert.match(String(reason), /EIO.*what is on the disk is not known/)
    await hostile.whole()
    await load.more(5)
  }
  await finish()
})

test('a slow disk slows the cluster down and breaks nothing', { skip }, async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster, directory } = hostile
  const slow = await injectFsync(directory, cluster.pid('server-1')!, { delayMs: 100 })
  await load.more(10)
  // So slow that it keeps everybody waiting, and is left out.
  await slow.stop()
  const stuck = await injectFsync(directory, cluster.pid('server-2')!, { delayMs: 4000 })
  await load.more(10)
  await stuck.stop()
  assert.ok(slow.fired() > 3 && stuck.fired() > 0, `delayed: ${slow.fired()} and ${stuck.fired()}`)
  t.diagnostic(`${slow.fired()} times by 100 ms, ${stuck.fired()} times by 4 s`)
  await finish()
})
