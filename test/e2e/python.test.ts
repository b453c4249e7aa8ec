/** The programs of examples/python against a real cluster: a client that retries, and a subscriber that misses nothing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pythonIsMissing } from './broker-harness.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { type Lines, runExample, startPython } from './support/python.ts'

const skip = pythonIsMissing()
let cluster: Cluster
before(async () => {
  if (skip) return
  cluster = await startCluster()
  await cluster.ready
})
after(() => cluster?.stop())

const broker = (): string => cluster.config.brokerUrls[0]!

/** Runs client.py and returns what it printed; fails when it failed. */
async function client(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await runExample('client.py', ['--broker', broker(), ...command])
  assert.equal(code, 0, `client.py ${command.join(' ')}: ${stderr}`)
  return stdout
}

/** The names below a heading. */
function listed(output: string, heading: string): string[] {
  const lines = output.split('\n')
  const from = lines.indexOf(`${heading}:`)
  assert.ok(from >= 0, `no ${heading} in\n${output}`)
  const names = lines.slice(from + 1)
  return names
    .slice(
      0,
      names.findIndex((line) => !line.startsWith('  ')),
    )
    .map((line) => line.trim())
}

async function subscribe(end: (undo: () => void) => void, ...topics: string[]): Promise<Lines> {
  const urls = ['--proxy', cluster.config.proxyOutUrls[0]!, '--broker', broker()]
  const subscriber = startPython('subscriber.py', [...urls, ...topics])
  end(subscriber.end)
  await subscriber.line('subscribed to')
  return subscriber
}

test('login, channel, lists, publish, direct message, and a SUB gets both', { skip }, async (t) => {
  for (const user of ['ana', 'rui']) assert.match(await client('login', user), /^status: sucesso$/m)
  assert.match(await client('channel', 'samba'), /^status: sucesso$/m)
  assert.ok(listed(await client('users'), 'users').includes('ana'))
  assert.ok(listed(await client('channels'), 'channels').includes('samba'))

  const subscriber = await subscribe((undo) => t.after(undo), 'samba', 'rui')
  assert.match(await client('publish', 'ana', 'samba', 'Bom dia, açaí'), /^status: OK$/m)
  await subscriber.line(/^\[samba\] ana: Bom dia, açaí {2}\(clock \d+\)$/)
  assert.match(await client('message', 'ana', 'rui', 'psst'), /^status: OK$/m)
  await subscriber.line(/^ana to rui: psst {2}\(clock \d+\)$/)

  const isThere = (): boolean =>
    linesOf(cluster.publicFiles(), 'server-3', 'messages.jsonl').some(({ src }) => src === 'ana')
  await waitFor(isThere, 'the message in the files of server 3')
  const publications = linesOf(cluster.publicFiles(), 'server-3', 'publications.jsonl')
  assert.equal(publications.filter((line) => line.channel === 'samba').length, 1)
})

test('what is wrong is refused with a code and a text', { skip }, async () => {
  await client('login', 'eva')
  await client('channel', 'choro')
  const refusals: [command: string[], error: RegExp][] = [
    [['channel', 'choro'], /^already_exists: /],
    [['publish', 'eva', 'nowhere', 'x'], /^unknown_channel: .*"nowhere"/],
    [['message', 'eva', 'nobody', 'x'], /^unknown_user: .*"nobody"/],
    [['login', 'replica/1'], /^reserved_name: /],
    [['login', 'a\nb'], /^bad_request: .*control character/],
    [['history', 'nowhere'], /^unknown_channel: /],
  ]
  for (const [command, error] of refusals) {
    const { code, stdout, stderr } = await runExample('client.py', ['--broker', broker(), ...command])
    assert.deepEqual([code, stdout], [1, ''], command.join(' '))
    assert.match(stderr, error)
  }
  assert.match(await client('login', 'eva'), /sucesso/, 'a user who exists logs in again')
})

test('the demo runs to its end', { skip }, async () => {
  assert.match(await client('demo'), /--- history .*\n.*items:\n {2}.*Hello from Python/)
})

test('subscribing goes by the whole topic', { skip }, async (t) => {
  for (const user of ['lia', 'lia2']) await client('login', user)
  const subscriber = await subscribe((undo) => t.after(undo), 'lia')
  await client('message', 'lia', 'lia2', 'not for her')
  await client('message', 'lia2', 'lia', 'for her')
  await subscriber.line('lia2 to lia: for her')
  assert.ok(!subscriber.lines.some((line) => line.includes('not for her')))
})

test('with --from it prints everything once and in order, also what was said while nobody listened', {
  skip,
}, async (t) => {
  const written: string[] = []
  const say = async (): Promise<void> => {
    written.push(`line ${written.length}`)
    assert.match(await client('publish', 'eva', 'maxixe', written.at(-1)!), /OK/)
  }
  await client('channel', 'maxixe')
  for (let count = 0; count < 3; count++) await say()
  const texts = ({ lines }: Lines): string[] =>
    lines.flatMap((line) => /^\d+ {2}\[maxixe\] eva: (line \d+) /.exec(line)?.[1] ?? [])
  const subscriber = await subscribe((undo) => t.after(undo), '--from', '0', 'maxixe')
  await waitFor(() => texts(subscriber).length === 3, 'what was said before')
  await say()
  const starts = cluster.starts('proxy')
  cluster.kill('proxy')
  await say()
  await cluster.back('proxy', starts)
  await say()
  await waitFor(
    () => texts(subscriber).length >= written.length,
    () => `${written}, have ${subscriber.lines.join('\n')}`,
  )
  assert.deepEqual(texts(subscriber), written)
})

test('a client whose broker was killed sends again under the same id, and it is done once', { skip }, async (t) => {
  await client('channel', 'lundu')
  const program = startPython('a client', [broker()], RETRYING)
  t.after(program.end)
  await program.line('ready')
  const starts = cluster.starts('broker')
  // Stopped first, so that the request is surely on its way when the broker dies.
  cluster.kill('broker', 'SIGSTOP')
  program.child.stdin!.write('go\n')
  await program.line('sending')
  cluster.kill('broker')
  await cluster.back('broker', starts)
  const line = await program.line('answered')
  assert.match(line, /\['OK', 'OK', 'erro'\]/)
  const said = (): string[] =>
    linesOf(cluster.publicFiles(), 'server-1', 'publications.jsonl')
      .filter(({ channel }) => channel === 'lundu')
      .map(({ message }) => String(message))
  await waitFor(() => said().length >= 2, 'both in the files of server 1')
  assert.deepEqual(said().sort(), ['one', 'two'])
})

const RETRYING = `
import sys
from client import Client
client = Client(sys.argv[1], deadline_seconds=60)
print("ready", client.call("users")["clock"], flush=True)
sys.stdin.readline()
print("sending", flush=True)
say = lambda channel, text: ("publish", {"user": "eva", "channel": channel, "message": text})
replies = client.call_all([say("lundu", "one"), say("lundu", "two"), say("nowhere", "three")])
print("answered", [reply["status"] for reply in replies], flush=True)
`
