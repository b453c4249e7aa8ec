/** Bad requests, one by one and by the thousand: each is answered with an error, and nothing is harmed. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { after, before, test } from 'node:test'
import { Request } from 'zeromq'
import { decode } from '../../src/protocol/codec.ts'
import { ERROR_CODES } from '../../src/protocol/errors.ts'
import { plainClient } from './support/clients.ts'
import { MALFORMED, MISTAKEN, sendTo } from './support/garbage.ts'
import { assertSettled } from './support/history.ts'
import { startTarget, type Target } from './support/target.ts'

const COUNT = 3000

let target: Target
before(async () => {
  target = await startTarget()
})
after(() => target?.cluster.stop())

const complaints = (name: string): unknown[] =>
  target.cluster.records().filter(({ process, level }) => process === name && level === 40)

test('every kind of bad request is answered with an error, by broker, ref and servers', async (t) => {
  for (const url of target.requestUrls) {
    const socket = new Request({ linger: 0, receiveTimeout: 20_000 })
    t.after(() => socket.close())
    socket.connect(url)
    for (const [what, body] of [...MALFORMED, ...MISTAKEN]) {
      // ref and servers know no `users` and no `login`; to them it is an unknown service.
      await socket.send(body)
      const reply = decode((await socket.receive())[0]!)
      const [envelope] = [reply].flat() as [{ data: Record<string, unknown> }]
      const { status, code, description, message, retriable } = envelope.data
      assert.equal(status, 'erro', `${what} to ${url}: ${JSON.stringify(envelope)}`)
      assert.ok((ERROR_CODES as readonly unknown[]).includes(code), `${what}: ${code}`)
      assert.ok(typeof description === 'string' && description.length < 400, `${what}: ${description}`)
      assert.equal(message, description)
      assert.equal(retriable, false, `${what} to ${url}: ${description}`)
    }
  }
  await target.assertUnharmed((line) => t.diagnostic(line))
})

test('thousands of bad messages to every socket that takes requests', async (t) => {
  await Promise.all(target.requestUrls.map((url, index) => sendTo(url, 100 + index, COUNT)))
  for (const name of ['ref', 'server-1', 'server-2', 'server-3'])
    assert.ok(complaints(name).length > 0, `${name} says what it dropped`)
  await target.assertUnharmed((line) => t.diagnostic(line))
})

const STRANGE = [
  '../../etc/passwd',
  '..',
  '/',
  'server-1',
  '__proto__',
  'constructor',
  '%s',
  '$(id)',
  '<b>',
  '🥁',
  'NUL',
  '.',
]

/** Everything that may be below a data directory, numbers left out. */
const OWN_FILES = new Set(
  ['ref', 'ref/ref_servers.json', 'server-', 'server-/registry.json', 'server-/server.json'].concat(
    ['publications', 'messages', 'channels', 'logins', 'skipped', 'journal-'].map((log) => `server-/${log}.jsonl`),
    ['server-/journal-.free'],
  ),
)

function strayFiles(): string[] {
  const paths = readdirSync(target.cluster.dataDir, { recursive: true }) as string[]
  return paths.filter((path) => !OWN_FILES.has(path.replace(/\d+/g, '')) && !basename(path).startsWith('lock-'))
}

test('names that look like paths or code are names: they make no file, and are there after a restart', async (t) => {
  const passwd = readFileSync('/etc/passwd', 'utf8')
  const client = plainClient(target.cluster.config.brokerUrls[0]!)
  t.after(client.close)
  for (const name of STRANGE) {
    assert.equal((await client.ask('login', { user: name })).status, 'sucesso', name)
    assert.equal((await client.ask('channel', { channel: name, user: name })).status, 'sucesso', name)
    assert.equal((await client.ask('publish', { user: name, channel: name, message: name })).status, 'OK', name)
    assert.equal((await client.ask('message', { src: name, dst: name, message: name })).status, 'OK', name)
  }
  for (const server of ['server-1', 'server-2', 'server-3']) {
    const starts = target.cluster.starts(server)
    target.cluster.kill(server, 'SIGTERM')
    await target.cluster.back(server, starts)
  }
  // As often as it takes for each server to have answered.
  for (let time = 0; time < 6; time++) {
    for (const [service, field] of [
      ['users', 'users'],
      ['channels', 'channels'],
    ] as const) {
      const names = (await client.ask(service, {}))[field] as string[]
      assert.deepEqual(names.filter((name) => STRANGE.includes(name)).sort(), [...STRANGE].sort(), service)
    }
    for (const name of STRANGE)
      assert.equal(((await client.ask('history', { channel: name })).items as unknown[]).length, 1, name)
  }
  assert.deepEqual(strayFiles(), [])
  assert.equal(readFileSync('/etc/passwd', 'utf8'), passwd)
  await assertSettled(target.cluster, [], [])
})
