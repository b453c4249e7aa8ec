/** The client of the course, in Python: one frame, no id, timestamps in several forms; and a subscriber. */
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
async function client(forms: readonly string[], ...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await runExample('client.py', ['--broker', broker(), ...forms, ...command])
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
  const subscriber = startPython('subscriber.py', ['--proxy', cluster.config.proxyOutUrls[0]!, ...topics])
  end(subscriber.end)
  await subscriber.line('subscribed to')
  return subscriber
}

const forms: [name: string, options: string[]][] = [
  ['whole seconds and a clock', []],
  ['ISO timestamps', ['--iso']],
  ['whole seconds and no clock', ['--no-clock']],
  ['ISO timestamps and no clock', ['--iso', '--no-clock']],
]
forms.forEach(([name, options], index) => {
  test(`with ${name}: login, channel, lists, publish, direct message, and a SUB gets both`, { skip }, async (t) => {
    const [ana, rui, channel] = [`ana${index}`, `rui${index}`, `samba${index}`]
    for (const user of [ana, rui]) assert.match(await client(options, 'login', user), /^status: sucesso$/m)
    assert.match(await client(options, 'channel', channel), /^status: sucesso$/m)
    assert.ok(listed(await client(options, 'users'), 'users').includes(ana))
    const channels = await client(options, 'channels')
    assert.ok(listed(channels, 'channels').includes(channel))
    // The course's text says `users`, its clients read `channels`: both have them.
    assert.deepEqual(listed(channels, 'users'), listed(channels, 'channels'))

    const subscriber = await subscribe((undo) => t.after(undo), channel, rui)
    assert.match(await client(options, 'publish', ana, channel, 'Bom dia, açaí'), /^status: OK$/m)
    await subscriber.line(new RegExp(`^\\[${channel}\\] ${ana}: Bom dia, açaí {2}\\(clock \\d+\\)$`))
    assert.match(await client(options, 'message', ana, rui, 'psst'), /^status: OK$/m)
    await subscriber.line(new RegExp(`^${ana} to ${rui}: psst {2}\\(clock \\d+\\)$`))

    await waitFor(
      () => linesOf(cluster.publicFiles(), 'server-3', 'messages.jsonl').some(({ src }) => src === ana),
      ana,
    )
    const publications = linesOf(cluster.publicFiles(), 'server-3', 'publications.jsonl')
    assert.equal(publications.filter((line) => line.channel === channel).length, 1)
  })
})

test('what is wrong is refused with a code and a text', { skip }, async () => {
  await client([], 'login', 'eva')
  await client([], 'channel', 'choro')
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
  assert.match(await client([], 'login', 'eva'), /sucesso/, 'a user who exists logs in again')
})

test('the demo runs to its end', { skip }, async () => {
  assert.match(await client([], 'demo'), /--- history .*\n.*items:\n {2}.*Hello from Python/)
})

test('subscribing goes by the whole topic', { skip }, async (t) => {
  for (const user of ['lia', 'lia2']) await client([], 'login', user)
  const subscriber = await subscribe((undo) => t.after(undo), 'lia')
  await client([], 'message', 'lia', 'lia2', 'not for her')
  await client([], 'message', 'lia2', 'lia', 'for her')
  await subscriber.line('lia2 to lia: for her')
  assert.ok(!subscriber.lines.some((line) => line.includes('not for her')))
})
