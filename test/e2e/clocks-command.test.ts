/**
 * Clocks as a person meets them, on one cluster that logs every message and whose servers' clocks are seconds apart:
 * compasso clocks in all its forms, and compasso lamport over what everybody logged.
 */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Clocks } from '../../src/cli/clocks-read.ts'
import { REQUIRED } from '../../src/cli/lamport-check.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { compasso, startCommand } from './support/command.ts'
import { hasNoTmux, openTerminal } from './support/terminal.ts'

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'compasso.mjs')
const PROCESSES = [
  ...['ref', 'broker', 'proxy', 'console', 'bot-1', 'bot-2', 'server-1', 'server-2', 'server-3', 'this command'],
]
let cluster: Cluster
let env: Record<string, string> = {}

before(async () => {
  cluster = await startCluster({
    bots: 2,
    env: { BOT_RATE: '20', LOG_LEVEL: 'debug', CLOCK_SKEW_MS: '1:+3000,2:-2000,3:+500' },
  })
  env = { PORT_OFFSET: String(cluster.portOffset), DATA_DIR: cluster.dataDir }
  await cluster.ready
})
after(async () => {
  await cluster?.stop()
  if (cluster !== undefined) rmSync(cluster.dataDir, { recursive: true, force: true })
})

const readJson = async (): Promise<Clocks> => JSON.parse((await compasso(['clocks', '--json'], env)).out)

test('--json: every process with its Lamport time; clocks seconds apart are brought within 5 ms', async () => {
  let clocks = await readJson()
  assert.deepEqual(
    clocks.processes.map(({ name }) => name),
    PROCESSES,
  )
  for (const { name, clock } of clocks.processes) assert.ok(clock !== null && clock > 0, name)
  await waitFor(
    async () => {
      clocks = await readJson()
      return clocks.apartMs !== null && clocks.apartMs < 5
    },
    () => `clocks within 5 ms: ${JSON.stringify(clocks)}`,
  )
  assert.ok(clocks.apartBeforeMs! > 4500 && clocks.apartBeforeMs! < 5500, `own clocks ${clocks.apartBeforeMs} ms apart`)
  assert.equal(clocks.coordinator, 1)
  // This command asked everybody, so it is behind nobody whom it heard.
  const own = clocks.processes.at(-1)!.clock!
  for (const { name, clock, role } of clocks.processes) if (role === 'server') assert.ok(clock! <= own, name)
})

test('the table, once and as plain lines where nobody looks', async () => {
  const once = await compasso(['clocks'], env)
  assert.equal(once.code, 0, once.errors)
  assert.match(once.out, /^coordinator: server 1, term \d+, round \d+\nprocess +lamport +before, ms/)
  assert.match(once.out, /^server-2 +[\d,]+ +-2,\d{3}\.\d{3} +[+-]0\.\d{3} /m)
  const watched = startCommand(['clocks', '--watch', '0.2'], env)
  await waitFor(() => watched.out().split('Ctrl-C ends\n').length > 3, 'three looks')
  watched.child.kill('SIGINT')
  const { code, out } = await watched.ended
  assert.equal(code, 130)
  assert.ok(!out.includes('\u001b'), 'no control characters in plain lines')
  const lines = startCommand(['clocks', '--watch', '0.2', '--json'], env)
  await waitFor(() => lines.out().split('\n').length > 3, 'three lines of JSON')
  lines.child.kill('SIGINT')
  for (const line of (await lines.ended).out.trimEnd().split('\n')) assert.ok(Array.isArray(JSON.parse(line).processes))
})

test('--watch on a terminal: table and plot are redrawn, and Ctrl-C leaves all as it was', {
  skip: hasNoTmux(),
}, async (t) => {
  const terminal = openTerminal(t, env)
  terminal.type('echo before')
  terminal.type(`node ${program} clocks --watch 0.2; echo "code $?"`)
  await terminal.shows('corrected clocks against the agreed time')
  await terminal.shows('█ server-3')
  assert.ok(!terminal.screen().includes('echo before'), 'it has the whole screen')
  const [head] = terminal.screen().split('\n')
  await waitFor(() => terminal.screen().split('\n')[0] !== head, 'it to be redrawn')
  terminal.press('C-c')
  await terminal.shows('code 130')
  const left = terminal.screen()
  assert.ok(left.includes('echo before'), 'what was there is back')
  assert.equal(left.split('coordinator: server').length, 2, 'the last picture once')
  terminal.type('echo "still $((1 + 1))"')
  await terminal.shows('still 2')
})

test('nobody there is one line and exit 3', async () => {
  const ended = await compasso(['clocks', '--watch'], { REF_URL: 'tcp://127.0.0.1:9' })
  assert.deepEqual([ended.code, ended.out], [3, ''])
  assert.match(ended.errors, /^compasso: no ref at tcp:\/\/127\.0\.0\.1:9 [^\n]*\n$/)
})

test("Lamport's rule holds over the logs of all processes, and is not found to hold in a log that was changed", async () => {
  const file = join(cluster.dataDir, 'run.log')
  const check = (): ReturnType<typeof compasso> => compasso(['lamport', file, '--json'], env)
  const seen = (link: string): number =>
    cluster.records().filter((record) => record.link === link && record.carried).length
  await waitFor(() => REQUIRED.every((link) => seen(link) > 40), 'enough messages of every kind')
  // So that of no message only the half has been written.
  await cluster.stop({ keepData: true })
  writeFileSync(file, cluster.log())
  const right = await check()
  assert.equal(right.code, 0, right.out.slice(-2000))
  const report = JSON.parse(right.out)
  assert.deepEqual(report.violations, [])
  for (const { link, checked } of report.links) if (REQUIRED.includes(link)) assert.ok(checked >= 10, link)
  // ref, broker, proxy, console, three servers, two bots; and the launcher.
  assert.equal(report.processes, 10)

  const lines = cluster.log().split('\n')
  const at = lines.findIndex((line) => line.includes('"link":"server>server ack"') && line.includes('"carried"'))
  const record = JSON.parse(lines[at]!)
  lines[at] = JSON.stringify({ ...record, clock: record.carried - 1 })
  writeFileSync(file, lines.join('\n'))
  const changed = await check()
  assert.equal(changed.code, 1)
  assert.match(JSON.parse(changed.out).violations[0], /received server>server ack .* stood at \d+ afterwards/)
})
