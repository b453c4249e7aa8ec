/** What bots do, by what they print and by what the files say: the course's automatic client. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'

const BOTS = 3
const BOT_NAMES = Array.from({ length: BOTS }, (_, index) => `bot-${index + 1}`)

test('bots log in, make channels, subscribe, chat, write to each other and print what they receive', async (t) => {
  const cluster = await startCluster({ bots: BOTS, env: { BOT_RATE: '30' } })
  t.after(() => cluster.stop())
  await cluster.ready
  const said = (bot: string, msg: string) =>
    cluster.records().filter((record) => record.process === bot && record.msg === msg)
  for (const bot of BOT_NAMES) {
    for (const what of ['logged in', 'subscribed', 'published', 'sent a direct message', 'received'])
      await waitFor(() => said(bot, what).length > 0, `${bot} to say: ${what}`)
    const [received] = said(bot, 'received')
    const { user, text, sent, received: at } = received as Record<string, string>
    assert.ok(user && text, JSON.stringify(received))
    assert.ok(Date.parse(sent!) > 0 && Date.parse(at!) > 0, JSON.stringify(received))
  }
  await waitFor(() => BOT_NAMES.some((bot) => said(bot, 'received a direct message').length > 0), 'a direct message')
  for (const bot of BOT_NAMES) {
    const user = said(bot, 'logged in')[0]!.user
    const channels = new Set(said(bot, 'subscribed').map(({ topic }) => topic))
    assert.ok(channels.delete(user), 'a bot hears what is sent to it')
    assert.ok(channels.size >= 1 && channels.size <= 3, `${bot} subscribed to ${[...channels]}`)
  }
  // Channels are made while there are fewer than five; bots that look at the same moment may each make one more.
  const channels = file(cluster, 'channels')
  assert.ok(channels.length >= 1 && channels.length < 5 + BOTS, `${channels.length} channels`)
  const users = file(cluster, 'logins').map(({ user }) => user)
  assert.equal(new Set(users).size, BOTS)
  cluster.assertPrefixes()
})

test('bots go on when a server, the broker and the proxy die, and one that dies comes back as another', async (t) => {
  const cluster = await startCluster({ bots: 2, env: { BOT_RATE: '20' } })
  t.after(() => cluster.stop())
  await cluster.ready
  for (const name of ['server-2', 'broker', 'proxy', 'bot-1']) {
    const starts = cluster.starts(name)
    cluster.kill(name)
    await cluster.back(name, starts)
    const count = file(cluster, 'publications').length
    await waitFor(() => file(cluster, 'publications').length >= count + 20, `20 publications after ${name} died`)
  }
  assert.equal(new Set(file(cluster, 'logins').map(({ user }) => user)).size, 3)
  const received = (): number => cluster.records().filter(({ msg }) => msg === 'received').length
  const before = received()
  await waitFor(() => received() > before, 'bots to print what they receive')
})

const file = (cluster: Cluster, log: string): Record<string, unknown>[] =>
  linesOf(cluster.publicFiles(), 'server-1', `${log}.jsonl`)
