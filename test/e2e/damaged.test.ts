/** Files that were damaged while their server was stopped, or under a running one: repaired from the others, or refused. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { prepareChat, retrying, startWriter, type Writer } from './support/clients.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { assertSettled, type Operation } from './support/history.ts'

/** A cluster that is stopped and started again on its data, with a writer in each of its lives. */
async function cluster(t: TestContext, servers: number) {
  let running = await startCluster({ servers })
  const { dataDir, portOffset } = running
  const operations: Operation[] = []
  const users: string[] = []
  t.after(async () => {
    await running.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const write = async (count: number): Promise<void> => {
    const user = `writer-${users.length}`
    users.push(user)
    const client = connect({ broker: running.config.brokerUrls })
    try {
      const ask = retrying(client)
      await prepareChat(ask, 'samba', [user, 'ana'])
      const writers: Writer[] = [startWriter({ ask, user, channel: 'samba' })]
      await Promise.all(writers.map((writer) => writer.more(count)))
      for (const writer of writers) await writer.stop()
      operations.push(...writers.flatMap((writer) => writer.operations))
    } finally {
      await client.close(0)
    }
  }
  return {
    dataDir,
    write,
    get running() {
      return running
    },
    path: (server: number, name: string) => join(dataDir, `server-${server}`, name),
    stop: () => running.stop({ keepData: true }),
    async start() {
      running = await startCluster({ servers, dataDir, portOffset })
      return running
    },
    settled: () => assertSettled(running, operations, users, servers),
  }
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 0x10
  writeFileSync(path, bytes)
}

/** The newest journal file with something in it. */
function journalOf(folder: string): string {
  const numbers = readdirSync(folder).flatMap((name) => /^journal-(\d+)\.jsonl$/.exec(name)?.[1] ?? [])
  const paths = numbers
    .map(Number)
    .sort((a, b) => b - a)
    .map((number) => join(folder, `journal-${number}.jsonl`))
  return paths.find((path) => readFileSync(path).subarray(0, 1).toString() === '{')!
}

const said = (running: Cluster, name: string, text: RegExp): boolean =>
  running.records().some((record) => record.process === name && text.test(String(record.msg)))

const asides = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith('damaged-'))
    .flatMap((name) => readdirSync(join(folder, name)))

test('stopped members: what is damaged is repaired from the others, byte for byte', async (t) => {
  const one = await cluster(t, 3)
  await one.running.ready
  await one.write(100)
  // A second life has a checkpoint behind which there is something.
  await one.stop()
  await (await one.start()).ready
  await one.write(60)
  await one.stop()

  t.diagnostic('two of three have different public files damaged')
  const texts = [1, 2].map((server) => readFileSync(one.path(server, 'publications.jsonl')))
  flip(one.path(1, 'publications.jsonl'), 1000)
  truncateSync(one.path(2, 'logins.jsonl'), 20)
  await (await one.start()).ready
  await one.write(20)
  await one.settled()
  assert.ok(readFileSync(one.path(1, 'publications.jsonl')).subarray(0, texts[0]!.length).equals(texts[0]!))
  assert.ok(said(one.running, 'server-1', /^publications\.jsonl is repaired .*: bytes 1000 to 1001 differed$/))
  assert.ok(said(one.running, 'server-2', /^logins\.jsonl is repaired /))
  assert.deepEqual(asides(join(one.dataDir, 'server-1')), ['publications.jsonl'])
  await one.stop()

  t.diagnostic('a journal, and a snapshot')
  flip(journalOf(join(one.dataDir, 'server-3')), 30)
  flip(one.path(1, 'registry.json'), 12)
  await (await one.start()).ready
  await one.write(20)
  await one.settled()
  assert.ok(said(one.running, 'server-3', /is damaged: journal-\d+\.jsonl, byte 0: damaged before commit .* copied/))
  assert.ok(asides(join(one.dataDir, 'server-3')).some((name) => /^journal-\d+\.jsonl$/.test(name)))
  await one.stop()

  t.diagnostic('server.json, and a missing public file')
  flip(one.path(2, 'server.json'), 40)
  rmSync(one.path(3, 'publications.jsonl'))
  await (await one.start()).ready
  await one.write(20)
  await one.settled()
  assert.ok(said(one.running, 'server-2', /is damaged: server\.json is damaged: its checksum is another one/))
  assert.ok(said(one.running, 'server-3', /^publications\.jsonl is repaired .*: it was missing$/))
})

const DAMAGES: [string, RegExp, (folder: string) => void][] = [
  ['a public file', /publications\.jsonl, .*bytes? /, (folder) => flip(join(folder, 'publications.jsonl'), 300)],
  ['the journal', /journal-\d+\.jsonl, byte 0: damaged before commit/, (folder) => flip(journalOf(folder), 30)],
  ['server.json', /server\.json is damaged/, (folder) => flip(join(folder, 'server.json'), 40)],
]

test('a server alone refuses to start, says what is damaged and where, and changes nothing', async (t) => {
  const one = await cluster(t, 1)
  await one.running.ready
  await one.write(30)
  await one.stop()
  await (await one.start()).ready
  await one.write(10)
  await one.stop()
  const folder = join(one.dataDir, 'server-1')
  const content = (): Record<string, string> =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]))
  const whole = content()
  for (const [what, place, damage] of DAMAGES) {
    damage(folder)
    const before = content()
    const refused = await one.start()
    await assert.rejects(refused.ready, /ended before the cluster was ready \(code 1/, what)
    const lines = refused
      .log()
      .split('\n')
      .filter((line) => line.includes('is damaged'))
    assert.equal(lines.length, 1, refused.log())
    assert.match(lines[0]!, place)
    assert.match(lines[0]!, /there is no other server that could give what was there, so nothing was changed/)
    assert.deepEqual(content(), before)
    for (const [name, text] of Object.entries(whole)) writeFileSync(join(folder, name), text, 'latin1')
  }
  rmSync(join(folder, 'registry.json'))
  await (await one.start()).ready
  await one.write(10)
  await one.settled()
})

test('under a running server: nobody is given the damage, and a restart repairs it', async (t) => {
  const one = await cluster(t, 3)
  await one.running.ready
  await one.write(150)
  await one.settled()
  const good = readFileSync(one.path(1, 'publications.jsonl'))
  const at = good.indexOf('says 40')
  flip(one.path(1, 'publications.jsonl'), at)

  // A server that lost its disk copies from both of the others, and takes nothing from that part of server-1.
  const { running } = one
  running.kill('server-3', 'SIGSTOP')
  const pid = running.pid('server-3')!
  const starts = running.starts('server-3')
  running.kill('server-3')
  await waitFor(() => !existsSync(`/proc/${pid}`), 'server-3 to be gone')
  rmSync(join(one.dataDir, 'server-3'), { recursive: true })
  await running.back('server-3', starts)
  assert.ok(readFileSync(one.path(3, 'publications.jsonl')).subarray(0, good.length).equals(good))

  // Whoever asks for the history gets it from a server that has it.
  const client = connect({ broker: running.config.brokerUrls })
  try {
    const ask = retrying(client)
    for (let i = 0; i < 6; i++) {
      const { items } = (await ask('history', { channel: 'samba', limit: 1000 })) as { items: { message: string }[] }
      assert.deepEqual(
        items.map(({ message }) => message),
        items.map((_, index) => `writer-0 says ${index + 1}`),
      )
    }
  } finally {
    await client.close(0)
  }
  assert.ok(said(running, 'server-1', /^a public file is damaged: nothing is given of that part/))

  const before = running.starts('server-1')
  running.kill('server-1')
  await running.back('server-1', before)
  await one.write(20)
  await one.settled()
})
