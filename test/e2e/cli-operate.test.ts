/** The commands of who runs a cluster, against one that runs: status, verify, forget. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { linesOf, startCluster, waitFor } from './support/cluster.ts'
import { compasso, startCommand } from './support/command.ts'

const root = mkdtempSync(join(tmpdir(), 'compasso-commands-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('status, verify and forget on a cluster that runs', async (t) => {
  const cluster = await startCluster({ servers: 3, bots: 1, env: { BOT_RATE: '20' } })
  t.after(() => cluster.stop())
  await cluster.ready
  const env = { PORT_OFFSET: String(cluster.portOffset), DATA_DIR: cluster.dataDir }
  const states = async (): Promise<string[]> => {
    const { servers } = JSON.parse((await compasso(['status', '--json'], env)).out)
    return servers.map(({ rank, state }: { rank: number; state: string }) => `${rank} ${state}`)
  }
  await waitFor(() => linesOf(cluster.publicFiles(), 'server-1', 'publications.jsonl').length > 5, 'some chat')

  assert.deepEqual(await states(), ['1 installed', '2 installed', '3 installed'])
  const shown = await compasso(['status'], env)
  assert.equal(shown.code, 0)
  assert.match(shown.out, /^ref tcp:\S+: view \d+, members 1, 2, 3 of 3 servers, quorum 2\nrank +name +origin/)
  assert.match(shown.out, /^ +2 +server-2 +server-2@\d+ +\d+ +installed +\d/m)

  const watching = startCommand(['status', '--watch', '0.2', '--json'], env)
  await watching.printed(/\n.*\n/)
  watching.child.kill('SIGINT')
  const watched = await watching.ended
  assert.deepEqual([watched.code, watched.errors], [130, ''])
  for (const line of watched.out.trimEnd().split('\n')) assert.equal(JSON.parse(line).servers.length, 3)

  const running = await compasso(['verify'], env)
  assert.equal(running.code, 0, running.out)
  assert.match(
    running.out,
    /\n(all files are identical|every file is a prefix of the longest) \(3 servers, \d files\)\n$/,
  )

  const refused = await compasso(['forget', '3'], env)
  assert.equal(refused.code, 1)
  assert.match(refused.errors, /^compasso: .*rank 3 is alive.*\n$/)

  cluster.kill('server-3', 'SIGSTOP')
  await waitFor(async () => (await states())[2] === '3 down', 'a server that does not answer to be shown as down')
  const forgotten = await compasso(['forget', '3', '--json'], env)
  assert.deepEqual([forgotten.code, JSON.parse(forgotten.out)], [0, { rank: 3, ranks: [1, 2] }])
  // It joins as a new server would.
  cluster.kill('server-3', 'SIGCONT')
  await waitFor(async () => (await states())[2] === '3 installed', 'it to be back')

  await cluster.stop({ keepData: true })
  cpSync(cluster.dataDir, join(root, 'copy'), { recursive: true, filter: (path) => !path.includes('lock-') })
  rmSync(cluster.dataDir, { recursive: true })
})

test('verify says what sha256sum and cmp say, and its exit code says whether all is well', async () => {
  const data = join(root, 'copy')
  const path = join(data, 'server-2', 'publications.jsonl')
  const bytes = readFileSync(path)
  const equal = await compasso(['verify', '--data', data])
  assert.equal(equal.code, 0)
  assert.match(equal.out, /all files are identical/)
  assert.ok(equal.out.includes(createHash('sha256').update(bytes).digest('hex')))

  writeFileSync(path, bytes.subarray(0, bytes.lastIndexOf('\n', bytes.length - 2) + 1))
  const behind = await compasso(['verify', '--data', data])
  assert.equal(behind.code, 0)
  assert.match(behind.out, /publications\.jsonl +server-2 .* prefix, 1 line behind\n/)

  const changed = Buffer.from(bytes)
  changed[10]! ^= 1
  writeFileSync(path, changed)
  const different = await compasso(['verify', '--data', data])
  assert.equal(different.code, 1)
  assert.match(different.out, /publications\.jsonl +server-2 .* DIFFERS at byte 11, line 1\n/)
  assert.match(different.out, /FILES DIFFER: 1 of /)
  const [report] = JSON.parse((await compasso(['verify', '--json', '--data', data])).out).files.filter(
    ({ file }: { file: string }) => file === 'publications.jsonl',
  )
  assert.deepEqual(report.servers[1].differsAt, { byte: 11, line: 1 })
})

const mistakes: [what: string, args: string[], env: Record<string, string>, code: number, line: RegExp][] = [
  [
    'no ref',
    ['status'],
    { REF_URL: 'tcp://127.0.0.1:9' },
    3,
    /^compasso: no ref at tcp:\/\/127\.0\.0\.1:9 — is the cluster running\? npm start\n$/,
  ],
  ['a wrong variable', ['status'], { REF_URL: 'x' }, 2, /^compasso: REF_URL must be tcp:\/\/host:port, got "x"\n$/],
  [
    'a rank that is none',
    ['forget', 'x'],
    {},
    2,
    /^compasso: .*a rank is a whole number from 1 — npx compasso forget --help\n$/,
  ],
  ['an unknown command', ['nonsense'], {}, 2, /^compasso: unknown command 'nonsense' — npx compasso --help\n$/],
]
for (const [what, args, env, code, line] of mistakes)
  test(`${what} is one line and exit ${code}`, async () => {
    const ended = await compasso(args, env)
    assert.equal(ended.code, code)
    assert.equal(ended.out, '')
    assert.match(ended.errors, line)
  })

test('nothing to compare is said, with exit 1', async () => {
  const ended = await compasso(['verify', '--data', join(root, 'nowhere')])
  assert.equal(ended.code, 1)
  assert.match(ended.out, /^nothing to compare: .*nowhere has no server-<rank> folders/)
})
