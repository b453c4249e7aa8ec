/** `history` pages through exactly what the files say, forwards and backwards, also while writing goes on. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type Client, connect, type Data } from '../../src/client/client.ts'
import { plainClient, retrying, startWriter } from './support/clients.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { assertSettled } from './support/history.ts'

type Item = Data & { n: number }
type Page = { items: Item[]; next: number | null }

const PAIRS: readonly (readonly [string, string])[] = [
  ['ana', 'rui'],
  ['rui', 'ana'],
  ['eva', 'ana'],
  ['eva', 'eva'],
]

let cluster: Cluster
let client: Client
before(async () => {
  cluster = await startCluster()
  await cluster.ready
  client = connect({ broker: cluster.config.brokerUrls })
  for (const user of ['ana', 'rui', 'eva']) await client.call('login', { user })
  for (const channel of ['samba', 'choro', 'empty']) await client.call('channel', { channel })
  const writes: Promise<unknown>[] = []
  for (let i = 0; i < 300; i++) {
    const channel = i % 3 === 0 ? 'choro' : 'samba'
    writes.push(client.call('publish', { user: 'ana', channel, message: `"samba" and choro ${i}` }))
    const [src, dst] = PAIRS[i % PAIRS.length]!
    writes.push(client.call('message', { src, dst, message: `a note ${i}` }))
    // In several batches, so that every server takes some.
    if (i % 20 === 0) await Promise.all(writes)
  }
  await Promise.all(writes)
  await assertSettled(cluster, [], [])
})
after(async () => {
  await client?.close(0)
  await cluster?.stop()
})

const page = (data: Data): Promise<Page> => client.call('history', data) as Promise<unknown> as Promise<Page>
/** What a page should have: lines of the file, with `time` under the name that publications have it. */
const inFile = (log: string, matches: (line: Item) => boolean): Item[] =>
  linesOf(cluster.publicFiles(), 'server-1', `${log}.jsonl`)
    .map(({ time, ...line }) => ({ ...line, timestamp: time }) as unknown as Item)
    .filter(matches)

/** From the newest page back to the first. */
async function backwards(data: Data): Promise<Item[]> {
  const items: Item[] = []
  for (let before: number | null = null; ; ) {
    const got = await page({ ...data, ...(before !== null && { before }) })
    items.unshift(...got.items)
    if (got.next === null) return items
    before = got.next
  }
}

/** From the first page to the newest. */
async function forwards(data: Data): Promise<Item[]> {
  const items: Item[] = []
  for (let after: number | null = 0; after !== null; ) {
    const got: Page = await page({ ...data, after })
    items.push(...got.items)
    after = got.next
  }
  return items
}

const questions: [what: string, question: Data, log: string, matches: (line: Item) => boolean][] = [
  ['a channel', { channel: 'samba' }, 'publications', ({ channel }) => channel === 'samba'],
  ['another channel', { channel: 'choro' }, 'publications', ({ channel }) => channel === 'choro'],
  ['an empty channel', { channel: 'empty' }, 'publications', () => false],
  ['a user', { user: 'ana' }, 'messages', ({ src, dst }) => src === 'ana' || dst === 'ana'],
  [
    'a conversation',
    { user: 'ana', with: 'rui' },
    'messages',
    ({ src, dst }) => (src === 'ana' && dst === 'rui') || (src === 'rui' && dst === 'ana'),
  ],
  ['a user and herself', { user: 'eva', with: 'eva' }, 'messages', ({ src, dst }) => src === 'eva' && dst === 'eva'],
]
for (const [what, question, log, matches] of questions)
  test(`${what}: pages of every size, both ways, are what the file says`, async () => {
    const lines = inFile(log, matches)
    for (const limit of [1, 7, 100, 1000]) {
      if (limit === 1 && lines.length > 100) continue
      assert.deepEqual(await backwards({ ...question, limit }), lines, `backwards by ${limit}`)
      assert.deepEqual(await forwards({ ...question, limit }), lines, `forwards by ${limit}`)
    }
  })

test('before and after bound a page; the default is the newest 50', async () => {
  const lines = inFile('publications', ({ channel }) => channel === 'samba')
  const [from, to] = [lines[20]!.n, lines[40]!.n]
  assert.deepEqual((await page({ channel: 'samba' })).items, lines.slice(-50))
  assert.deepEqual((await page({ channel: 'samba', before: to, limit: 5 })).items, lines.slice(35, 40))
  assert.deepEqual((await page({ channel: 'samba', after: from, limit: 5 })).items, lines.slice(21, 26))
  const between = await page({ channel: 'samba', after: from, before: to, limit: 100 })
  assert.deepEqual(between, { ...between, items: lines.slice(21, 40), next: null })
  assert.deepEqual((await page({ channel: 'samba', before: 0 })).items, [])
  assert.deepEqual((await page({ channel: 'samba', after: 1_000_000_000 })).items, [])
})

test('questions that make no sense are refused', async () => {
  const wrong: [Data, string][] = [
    [{}, 'bad_request'],
    [{ channel: 'samba', user: 'ana' }, 'bad_request'],
    [{ channel: 'samba', limit: 0 }, 'bad_request'],
    [{ channel: 'samba', limit: 1001 }, 'bad_request'],
    [{ channel: 'samba', limit: 1.5 }, 'bad_request'],
    [{ channel: 'samba', before: -1 }, 'bad_request'],
    [{ channel: 'samba', after: '1' }, 'bad_request'],
    [{ channel: 'nowhere' }, 'unknown_channel'],
    [{ user: 'nobody' }, 'unknown_user'],
  ]
  for (const [question, code] of wrong) await assert.rejects(page(question), { code }, JSON.stringify(question))
})

test('what was refused for good stays refused under its id, on every server, whatever exists by then', async () => {
  const publish = (id: string) =>
    client.call('publish', { user: 'ana', channel: 'later', message: id }, { id }).then(
      ({ status }) => String(status),
      ({ message }) => String(message),
    )
  const refused = 'unknown_channel: there is no channel "later"'
  assert.equal(await publish('copied'), refused)
  await client.call('channel', { channel: 'later' })
  // One after the other: the broker gives them to the servers in turn.
  for (let copy = 0; copy < 6; copy++) assert.equal(await publish('copied'), refused)
  assert.equal(await publish('another'), 'OK')
  await assertSettled(cluster, [], [])
  assert.deepEqual(
    inFile('publications', ({ channel }) => channel === 'later').map(({ id }) => id),
    ['another'],
  )
  const lines = inFile('skipped', ({ id }) => id === 'copied')
  assert.deepEqual(
    lines.map(({ log, service, skipped }) => [log, service, skipped]),
    lines.map((_, i) => ['refusals', 'publish', i === 0 ? 'unknown_channel' : 'duplicate']),
  )
})

test('while others write, every server answers with what was answered OK before', async (t) => {
  await client.call('channel', { channel: 'busy' })
  const writer = startWriter({ ask: retrying(client), user: 'zoe', channel: 'busy' })
  const reader = plainClient(cluster.config.brokerUrls[0]!)
  t.after(reader.close)
  const isBusy = ({ channel }: Item): boolean => channel === 'busy'
  for (let look = 0; look < 10; look++) {
    await writer.more(20)
    const answered = writer.answered()
    // A plain client that keeps its own clock: through the same broker, it sees what others were told.
    const newest = (await reader.ask('history', { channel: 'busy', limit: 1 })) as Data & Page
    assert.notEqual(newest.stale, true)
    const text = String(newest.items[0]!.message)
    assert.ok(Number(text.split(' ').at(-1)) >= answered, `${text} is older than the ${answered} answered before`)
    const [back, forth] = await Promise.all([
      backwards({ channel: 'busy', limit: 30 }),
      forwards({ channel: 'busy', limit: 30 }),
    ])
    await waitFor(() => inFile('publications', isBusy).length >= Math.max(back.length, forth.length), 'the file')
    const lines = inFile('publications', isBusy)
    assert.ok(back.length >= answered && forth.length >= answered)
    assert.deepEqual(back, lines.slice(0, back.length))
    assert.deepEqual(forth, lines.slice(0, forth.length))
  }
  await writer.stop()
  await assertSettled(cluster, writer.operations, ['zoe'])
})

test('a page of large messages is several pages', async () => {
  await client.call('channel', { channel: 'large' })
  for (let i = 0; i < 30; i++)
    await client.call('publish', { user: 'eva', channel: 'large', message: `${i} ${'ã'.repeat(30_000)}` })
  await assertSettled(cluster, [], [])
  const lines = inFile('publications', ({ channel }) => channel === 'large')
  assert.equal(lines.length, 30)
  const [back, forth] = [
    await backwards({ channel: 'large', limit: 1000 }),
    await forwards({ channel: 'large', limit: 1000 }),
  ]
  // Not deepEqual: nobody wants to read what differs here.
  assert.ok(isDeepStrictEqual(back, lines))
  assert.ok(isDeepStrictEqual(forth, lines))
  assert.ok((await page({ channel: 'large', limit: 1000 })).items.length < 30, 'one page is one frame')
})
