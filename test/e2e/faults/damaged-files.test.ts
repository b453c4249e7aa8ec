/** Files are damaged while their process is down; it repairs them from the others, or says what is wrong. */
import assert from 'node:assert/strict'
import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
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
    const aside = cluster
      .records()
      .slice(records)
      .find((record) => record.aside !== undefined)
    t.diagnostic(`${server}, ${done}: ${aside === undefined ? 'repaired in place' : `set aside: ${reason(aside.msg)}`}`)
    // What is set aside is kept for a person to look at.
    if (aside !== undefined) assert.ok(readdirSync(String(aside.aside)).length > 0)
  }
  await finish()
})

const reason = (message: unknown): string => / is damaged: (.*?)\. Moved/.exec(String(message))?.[1] ?? String(message)

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
