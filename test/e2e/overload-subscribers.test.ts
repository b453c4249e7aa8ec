/** Subscribers that never read, or stand still for a while, at the proxy and at a server: nobody else notices. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Client, connect, type ReplyOf } from '../../src/client/client.ts'
import { withCleanup } from './broker-harness.ts'
import { collect } from './proxy-parts.ts'
import { prepareChat, retrying } from './support/clients.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { paddedText, textOf } from './support/flood.ts'
import { assertPeaks, peaksOf } from './support/memory.ts'
import { openPeer } from './support/zmtp.ts'

const BOUND_MIB = 512
const DEAF = 200
const DEAF_AT_SERVER = 20
/** 60 MB: far more than the kernel keeps for one connection. */
const MESSAGES = 1500
const BYTES = 40_000

/** Where server 1 publishes, for the other servers. */
function publicationPort(cluster: Cluster): number {
  const record = cluster.records().find(({ process, pub }) => process === 'server-1' && pub !== undefined)
  return Number(String(record?.pub).split(':').at(-1))
}

/** Publishes a range of messages, a few at a time. */
async function publish(client: Client, from: number, to: number): Promise<void> {
  let next = from
  const lane = async (): Promise<void> => {
    while (next < to) {
      const message = paddedText('ana', next++, BYTES)
      await client.call('publish', { user: 'ana', channel: 'samba', message }, { deadlineMs: 60_000 })
    }
  }
  await Promise.all(Array.from({ length: 10 }, lane))
}

/** A process that subscribes; what it has heard so far. */
async function subscriberProcess(proxy: string, atEnd: (undo: () => unknown) => void) {
  const program = fileURLToPath(new URL('./support/subscriber-main.js', import.meta.url))
  const child = fork(program, [proxy, 'samba'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  atEnd(() => child.kill('SIGKILL'))
  const heard = new Set<string>()
  child.on('message', (text) => heard.add(String(text)))
  await waitFor(() => heard.has('ready'), 'the subscriber process')
  return { child, heard }
}

/** All texts of the channel, page by page. */
async function readHistory(client: Client): Promise<Set<string>> {
  const texts = new Set<string>()
  for (let after: number | null = 0; after !== null; ) {
    const page: ReplyOf<'history'> = await client.call('history', { channel: 'samba', limit: 1000, after })
    for (const { message } of page.items) texts.add(String(message).replace(/x+$/, '').trimEnd())
    after = page.next
  }
  return texts
}

test('deaf and stopped subscribers: the others hear everything, and who comes back finds the rest in the history', async (t) => {
  await withCleanup(async (atEnd) => {
    const cluster = await startCluster()
    atEnd(() => cluster.stop())
    await cluster.ready
    const { brokerPort, proxyOutPort } = cluster.config
    const proxy = `tcp://127.0.0.1:${proxyOutPort}`
    const client = connect({ broker: `tcp://127.0.0.1:${brokerPort}`, proxy })
    atEnd(() => client.close(0))
    await prepareChat(retrying(client), 'samba', ['ana'])
    const subscription = client.subscribe('samba')
    await subscription.ready
    const good = collect(subscription)
    const stopped = await subscriberProcess(proxy, atEnd)
    const deafTo = (port: number, topic: string) => openPeer({ port, kind: 'SUB', topic, deaf: true })
    const deaf = await Promise.all([
      ...Array.from({ length: DEAF }, () => deafTo(proxyOutPort, 'samba')),
      ...Array.from({ length: DEAF_AT_SERVER }, () => deafTo(publicationPort(cluster), 'replica/')),
    ])
    atEnd(() => {
      for (const peer of deaf) peer.close()
    })
    await publish(client, 0, 20)
    await waitFor(() => stopped.heard.has(textOf('ana', 19).trimEnd()), 'the other subscriber to hear something')
    stopped.child.kill('SIGSTOP')
    await publish(client, 20, MESSAGES)
    await waitFor(
      () => good.length === MESSAGES,
      () => `${good.length} of ${MESSAGES} messages`,
    )
    assert.equal(subscription.missed, 0)
    stopped.child.kill('SIGCONT')
    // What it hears again is whatever is published from now on; the rest is in the history.
    let last = MESSAGES
    await waitFor(async () => {
      await publish(client, last, ++last)
      return stopped.heard.has(textOf('ana', last - 2).trimEnd())
    }, 'the subscriber that was stopped to hear something again')
    const history = await readHistory(client)
    for (let number = 0; number < last; number++) {
      const text = textOf('ana', number).trimEnd()
      assert.ok(history.has(text), `the history lacks "${text}"`)
    }
    await waitFor(() => deaf.every((peer) => !peer.connected()), 'those that do not read to be disconnected', 60_000)
    assertPeaks(cluster, BOUND_MIB)
    const heard = [...stopped.heard].length - 1
    t.diagnostic(`the stopped one heard ${heard} of ${last}; MiB: ${JSON.stringify(peaksOf(cluster))}`)
  })
})
