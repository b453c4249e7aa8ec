/** Files are damaged while their process is down; it repairs them from the others, or says what is wrong. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainClient } from '../support/clients.ts'
import { waitFor } from '../support/cluster.ts'
import { random } from '../support/garbage.ts'
import { damage, type Target, type Way } from '../support/hostile/damage.ts'
import { startTrial } from '../support/hostile/trial.ts'

const CASES: readonly (readonly [Target, Way])[] = [
  ['journal', 'flipped bit'],
  ['public', 'zeroed sector'],
  ['server.json', 'flipped bit'],
  ['registry.json', 'cut off'],
  ['public', 'missing'],
  ['journal', 'cut off'],
  ['server.json', 'missing'],
]
/** A journal that ends early is one that was torn, and what a snapshot lacks is in the public files. */
const NO_DAMAGE: Way = 'cut off'

test('files of a server: it repairs them, or copies everything anew', async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster, servers } = hostile
  const next = random(3)
  for (const [index, [target, way]] of CASES.entries()) {
    const server = servers[index % servers.length]!
    const directory = join(cluster.dataDir, server)
    await load.more(5)
    await hostile.takeDown(server)
    const done = damage(directory, target, way, next)
    assert.ok(done !== null, `${target} of ${server} is there`)
    const records = cluster.records().length
    hostile.bringUp(server)
    await hostile.whole()
    const said = cluster
      .records()
      .slice(records)
      .filter(({ process, level }) => process === server && Number(level) >= 50)
    t.diagnostic(`${server}, ${done}: ${said[0]?.msg ?? 'nothing said'}`)
    if (way !== NO_DAMAGE) assert.ok(said.length > 0, `${server} says what is damaged`)
  }
  await finish()
})

test('registry.json: a name that has become another one is not believed', async (t) => {
  const { hostile, finish } = await startTrial(t)
  const { cluster, servers } = hostile
  // A view change makes a checkpoint, with the names that there are by now.
  const starts = cluster.starts('server-3')
  cluster.kill('server-3')
  await cluster.back('server-3', starts)
  await hostile.whole()
  await hostile.takeDown('server-2')
  const path = join(cluster.dataDir, 'server-2', 'registry.json')
  const text = readFileSync(path, 'utf8')
  const wrong = text.replaceAll('plain-3-room', 'plain-3-roof')
  assert.notEqual(wrong, text)
  writeFileSync(path, wrong)
  hostile.bringUp('server-2')
  await hostile.whole()
  const { ask, close } = plainClient(hostile.brokerUrl)
  t.after(close)
  // The broker asks all servers in turn.
  for (let read = 0; read < 4 * servers.length; read++) {
    const channels = (await ask('channels', {})).channels as string[]
    assert.ok(channels.includes('plain-3-room') && !channels.includes('plain-3-roof'), `${channels}`)
  }
  await finish()
})

test("ref's state: it refuses to start and says why; without it, it learns anew from the servers", async (t) => {
  const { hostile, load, finish } = await startTrial(t)
  const { cluster } = hostile
  const directory = join(cluster.dataDir, 'ref')
  await hostile.takeDown('ref')
  assert.ok(damage(directory, 'ref_servers.json', 'cut off', random(5)) !== null)
  hostile.bringUp('ref')
  const said = (): unknown =>
    cluster.records().findLast(({ child, msg }) => child === 'ref' && msg === 'could not start')
  const record = (await waitFor(() => said() ?? null, 'ref to refuse to start')) as { reason: string }
  assert.match(record.reason, /ref_servers\.json is damaged: .*Put a good copy in its place, or move it away/)
  await load.more(5)
  renameSync(join(directory, 'ref_servers.json'), join(directory, 'damaged'))
  await hostile.whole()
  await load.more(5)
  await finish()
})
