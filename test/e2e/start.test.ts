/** `npm start`: the whole cluster with bots that chat, and every way in which it must not start. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { areEqual, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { publicFilesIn } from './support/files.ts'
import { freeOffset } from './support/ports.ts'

const project = join(import.meta.dirname, '..', '..', '..')
const root = mkdtempSync(join(tmpdir(), 'compasso-start-'))
after(() => rmSync(root, { recursive: true, force: true }))

type Ended = { code: number | null; out: string; errors: string[] }

/** Runs the launcher until it ends by itself. */
async function launch(args: string[], env: Record<string, string>): Promise<Ended> {
  const launcher = join(project, 'dist', 'src', 'cluster', 'main.js')
  const child = spawn(process.execPath, [launcher, ...args], { env: { ...process.env, ...env }, timeout: 30_000 })
  let out = ''
  let errors = ''
  child.stdout.on('data', (bytes) => {
    out += bytes
  })
  child.stderr.on('data', (bytes) => {
    errors += bytes
  })
  const [code] = await once(child, 'close')
  return { code, out, errors: errors.split('\n').filter((line) => line !== '') }
}

test('bots chat, at every look each file is a prefix of the longest, and after Ctrl-C all are equal', async (t) => {
  const cluster = await startCluster({ servers: 3, bots: 2 })
  t.after(() => cluster.stop())
  await cluster.ready
  await waitFor(
    () => {
      cluster.assertPrefixes()
      return linesOf(cluster.publicFiles(), 'server-1', 'publications.jsonl').length >= 10
    },
    () => `10 publications\n${cluster.log().slice(-4000)}`,
  )
  await cluster.stop({ keepData: true })
  assert.ok(areEqual(cluster.publicFiles()), 'after a clean stop all servers have the same files')
  rmSync(cluster.dataDir, { recursive: true })
})

test('npm start says when it is ready and where to connect, and Ctrl-C on its terminal ends it with 0', async (t) => {
  const dataDir = join(root, 'made', 'by-start')
  const offset = await freeOffset({ REPLICAS: '1', BOTS: '0' })
  const child = spawn('npm', ['start', '--', '--servers', '1', '--bots', '0'], {
    cwd: project,
    // A process group of its own, which a signal reaches as a whole, as a terminal's does.
    detached: true,
    env: { ...process.env, DATA_DIR: dataDir, PORT_OFFSET: String(offset), NO_COLOR: '1', LOG_FORMAT: '' },
  })
  t.after(() => child.exitCode === null && process.kill(-child.pid!, 'SIGKILL'))
  let out = ''
  child.stdout.on('data', (bytes) => {
    out += bytes
  })
  await waitFor(
    () => out.includes('cluster ready') && out.includes('Ctrl-C'),
    () => `cluster ready\n${out}`,
  )
  assert.match(out, /^\d\d:\d\d:\d\d\.\d\d\d INFO {2}cluster *: cluster ready {2}clock=\d+$/m)
  assert.match(out, new RegExp(`tcp://127.0.0.1:${5555 + offset}`))
  assert.match(out, new RegExp(`tcp://127.0.0.1:${5558 + offset}`))
  assert.ok(existsSync(join(dataDir, 'server-1')))
  const from = Date.now()
  process.kill(-child.pid!, 'SIGINT')
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  assert.ok(Date.now() - from < 10_000)
})

test('a process that dies is started again; when the launcher dies, all end by themselves', async (t) => {
  const cluster = await startCluster({ servers: 1, bots: 1 })
  t.after(() => cluster.killAll())
  await cluster.ready
  for (const name of ['proxy', 'bot-1']) {
    const starts = cluster.starts(name)
    cluster.kill(name)
    await cluster.back(name, starts)
  }
  const ended = cluster.records().filter(({ msg }) => msg === 'ended unexpectedly')
  assert.deepEqual(
    ended.map(({ child, signal }) => [child, signal]),
    [
      ['proxy', 'SIGKILL'],
      ['bot-1', 'SIGKILL'],
    ],
  )
  const names = ['ref', 'broker', 'proxy', 'console', 'server-1', 'bot-1']
  const pids = names.map((name) => cluster.pid(name)!)
  process.kill(cluster.launcherPid, 'SIGKILL')
  const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`)
  await waitFor(() => !pids.some(isThere), 'every process to end after the launcher')
  rmSync(cluster.dataDir, { recursive: true })
})

const file = join(root, 'a-file')
writeFileSync(file, 'text')
const refusals: [what: string, args: string[], env: Record<string, string>, line: RegExp][] = [
  ['an unknown option', ['--server', '3'], {}, /^error: unknown option '--server'$/],
  ['an argument too many', ['3'], {}, /^error: too many arguments/],
  ['no servers', ['--servers', '0'], {}, /^compasso: --servers must be a whole number from 1 to 99, got "0"$/],
  ['bots that are no number', ['--bots', 'x'], {}, /^compasso: --bots must be a whole number from 0 to 99, got "x"$/],
  ['REPLICAS=0', [], { REPLICAS: '0' }, /^compasso: REPLICAS must be a whole number from 1 to 99, got "0"$/],
  ['REPLICAS=abc', [], { REPLICAS: 'abc' }, /^compasso: REPLICAS must be .*, got "abc"$/],
  [
    'a data directory that is a file',
    [],
    { DATA_DIR: file },
    /^compasso: data directory .*a-file is a file, not a directory$/,
  ],
  ['one below a file', [], { DATA_DIR: join(file, 'x') }, /^compasso: data directory .* lies under a file$/],
]
for (const [what, args, env, line] of refusals)
  test(`${what} is one line and exit 1, and nothing is made`, async () => {
    const dataDir = join(root, 'never-made')
    const ended = await launch(args, { DATA_DIR: dataDir, PORT_OFFSET: String(await freeOffset({})), ...env })
    assert.equal(ended.code, 1)
    assert.equal(ended.out, '')
    assert.equal(ended.errors.length, 1, ended.errors.join('\n'))
    assert.match(ended.errors[0]!, line)
    assert.ok(!existsSync(dataDir))
    assert.equal(readFileSync(file, 'utf8'), 'text')
  })

test('a data directory that is not writable is one line and exit 1', async (t) => {
  let dataDir = '/proc/compasso'
  if (process.getuid?.() !== 0) {
    dataDir = join(root, 'sealed')
    mkdirSync(dataDir, { mode: 0o500 })
  } else if (process.platform !== 'linux') return t.skip('root may write everywhere')
  const ended = await launch([], { DATA_DIR: dataDir, PORT_OFFSET: String(await freeOffset({})) })
  assert.equal(ended.code, 1)
  assert.equal(ended.errors.length, 1)
  assert.match(ended.errors[0]!, /^compasso: data directory .* (is not writable for this user|cannot be made there)$/)
})

test('a port in use is named, with what helps', async () => {
  const offset = await freeOffset({})
  const server = createServer().listen(5558 + offset, '127.0.0.1')
  await once(server, 'listening')
  const dataDir = join(root, 'never-made')
  const ended = await launch([], { DATA_DIR: dataDir, PORT_OFFSET: String(offset) })
  server.close()
  assert.equal(ended.code, 1)
  assert.deepEqual(ended.errors, [
    `compasso: port ${5558 + offset} (proxy) is in use by another process; PORT_OFFSET=100 moves all ports`,
  ])
  assert.ok(!existsSync(dataDir))
})

test('a data directory in use by another cluster is refused, and that cluster goes on', async (t) => {
  const cluster = await startCluster({ servers: 1 })
  t.after(() => cluster.stop())
  await cluster.ready
  const ended = await launch([], { DATA_DIR: cluster.dataDir, PORT_OFFSET: String(await freeOffset({})) })
  assert.equal(ended.code, 1)
  assert.equal(ended.errors.length, 1)
  assert.match(
    ended.errors[0]!,
    /^compasso: data directory .* is in use by another cluster \(pid \d+ on .*\); DATA_DIR=/,
  )
  assert.ok(await cluster.isReady('server-1'))
  await cluster.stop()
})

test('a corrupt ref_servers.json is one clear line and exit 1, and stays as it is', async () => {
  const dataDir = join(root, 'corrupt')
  const path = join(dataDir, 'ref', 'ref_servers.json')
  mkdirSync(join(dataDir, 'ref'), { recursive: true })
  writeFileSync(path, '{"oops": [')
  const ended = await launch(['--servers', '1', '--bots', '0'], {
    DATA_DIR: dataDir,
    PORT_OFFSET: String(await freeOffset({})),
  })
  assert.equal(ended.code, 1)
  assert.equal(ended.errors.length, 1)
  assert.match(ended.errors[0]!, /^compasso: ref: .*ref_servers\.json/)
  assert.equal(readFileSync(path, 'utf8'), '{"oops": [')
  assert.deepEqual(
    readdirSync(join(dataDir, 'ref')).filter((name) => !name.includes('lock')),
    ['ref_servers.json'],
  )
  for (const files of Object.values(publicFilesIn(dataDir)))
    for (const bytes of Object.values(files)) assert.equal(bytes.length, 0)
})
