/** The examples of docs/services.md, as they are printed there, in a real cluster; and a server that has not the same. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CallError, type Client, connect, type Data } from '../../src/client/client.ts'
import { areEqual, type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'

const DOCS = join(import.meta.dirname, '..', '..', '..', 'docs', 'services.md')
const folder = mkdtempSync(join(tmpdir(), 'compasso-services-'))
let cluster: Cluster
let client: Client

/** Every block of code that is introduced by a file's name. */
function writeExamples(): string[] {
  const found = [...readFileSync(DOCS, 'utf8').matchAll(/`(\w+\.mjs)`:\n\n```js\n([\s\S]*?)```/g)]
  for (const [, file, code] of found) writeFileSync(join(folder, file!), code!)
  return found.map(([, file]) => file!)
}

before(async () => {
  assert.deepEqual(writeExamples(), ['double.mjs', 'vote.mjs'])
  cluster = await startCluster({ env: { SERVICES_DIR: folder } })
  await cluster.ready
  client = connect({ broker: cluster.config.brokerUrls })
})
after(async () => {
  await client?.close(0)
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const call = (service: string, data: Data): Promise<Data> => client.call(service, data)

test('double doubles, on every server, and says what it takes', async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => call('double', { value: i })))
  assert.deepEqual(
    answers.map(({ result }) => result),
    answers.map((_, i) => 2 * i),
  )
  await assert.rejects(call('double', { value: 'two' }), (error) => {
    assert.ok(error instanceof CallError)
    assert.equal(error.description, 'value: must be a number, got "two"')
    return error.code === 'bad_request'
  })
})

test('everybody has one vote, whichever servers are asked at once', async () => {
  const voters = ['ana', 'rui', 'eva', 'lia']
  const tries = voters.flatMap((user) => ['samba', 'choro', 'fado'].map((choice) => ({ user, choice })))
  const heard = await Promise.all(
    tries.map((data) =>
      call('vote', data).then(
        () => 'OK',
        (error: CallError) => `${error.code}: ${error.description}`,
      ),
    ),
  )
  for (const user of voters) {
    const ofUser = heard.filter((_, i) => tries[i]!.user === user).sort()
    const no = `already_exists: "${user}" has voted already`
    assert.deepEqual(ofUser, ['OK', no, no])
  }
  const { votes } = await call('votes', {})
  const total = Object.values(votes as Record<string, number>).reduce((sum, one) => sum + one, 0)
  assert.equal(total, voters.length)
  await waitFor(() => areEqual(cluster.publicFiles()), 'equal files')
  assert.equal(linesOf(cluster.publicFiles(), 'server-1', 'votes.jsonl').length, voters.length)
})

test('a server whose files are others is not admitted and says what differs; the others go on', async () => {
  const vote = join(folder, 'vote.mjs')
  const text = readFileSync(vote, 'utf8')
  writeFileSync(vote, `${text}\n// Not the same any more.\n`)
  const starts = cluster.starts('server-3')
  cluster.kill('server-3')
  const says = /this server has not the writing services of server-[12]: it lacks vote \(votes\.jsonl\) of vote\.mjs/
  await waitFor(() => says.test(cluster.log()), 'a line that says what differs')
  assert.equal((await call('vote', { user: 'noé', choice: 'samba' })).status, 'OK')
  writeFileSync(vote, text)
  await cluster.back('server-3', starts)
  await waitFor(() => areEqual(cluster.publicFiles()), 'equal files')
  assert.equal(linesOf(cluster.publicFiles(), 'server-3', 'votes.jsonl').length, 5)
})

test('without the plug-ins their files stay as they are, also what was refused', async () => {
  const { dataDir, portOffset } = cluster
  const files = ['votes.jsonl', 'skipped.jsonl']
  await waitFor(() => areEqual(cluster.publicFiles()), 'equal files')
  const before = files.map((file) => linesOf(cluster.publicFiles(), 'server-1', file))
  assert.ok(before.every((lines) => lines.length > 0))
  await client.close(0)
  await cluster.killAll()
  cluster = await startCluster({ dataDir, portOffset })
  await cluster.ready
  client = connect({ broker: cluster.config.brokerUrls })
  await assert.rejects(call('votes', {}), /unknown service/)
  await waitFor(() => areEqual(cluster.publicFiles()), 'equal files')
  assert.deepEqual(
    files.map((file) => linesOf(cluster.publicFiles(), 'server-1', file)),
    before,
  )
})

test('the state is there again after all were killed, and a plug-in that is wrong is one line', async () => {
  const { dataDir, portOffset } = cluster
  await client.close(0)
  await cluster.killAll()
  cluster = await startCluster({ dataDir, portOffset, env: { SERVICES_DIR: folder } })
  await cluster.ready
  client = connect({ broker: cluster.config.brokerUrls })
  const { votes } = await call('votes', {})
  assert.equal((votes as Record<string, number>).samba! >= 1, true)
  await assert.rejects(call('vote', { user: 'ana', choice: 'samba' }), /has voted already/)
  const broken = `${folder}-broken`
  cpSync(folder, broken, { recursive: true })
  writeFileSync(join(broken, 'double.mjs'), 'export const plugin = () => ({ services: [{ ack: 7 }] })')
  const other = await startCluster({ servers: 1, env: { SERVICES_DIR: broken } })
  await assert.rejects(other.ready)
  assert.match(
    other.log(),
    /double\.mjs: plugin\.services\.0\.ack: must be 'stateless', 'read', 'durable' or 'ordered'/,
  )
  assert.ok(!/\bat .*\(.*:\d+:\d+\)/.test(other.log()), 'no stack')
  rmSync(broken, { recursive: true, force: true })
  rmSync(other.dataDir, { recursive: true, force: true })
})
