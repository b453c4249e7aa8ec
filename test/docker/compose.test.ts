/** The cluster in Docker, for real: healthy, chatting, killed, scaled, taken down and up again; files belong to their owner. */
import assert from 'node:assert/strict'
import { type ExecFileOptions, execFile } from 'node:child_process'
import { chownSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { readEvents } from '../e2e/support/events.ts'
import { areEqual, assertPrefixes, linesOf, type PublicFiles, publicFilesIn } from '../e2e/support/files.ts'
import { freeOffset } from '../e2e/support/ports.ts'
import { waitFor } from '../e2e/support/wait.ts'

const project = join(import.meta.dirname, '..', '..', '..')
const name = `compasso-test-${process.pid}`
const dataDir = mkdtempSync(join(tmpdir(), 'compasso-docker-'))
/** Somebody who is neither root nor the image's own user, wherever this test may give files away. */
const owner = process.getuid?.() === 0 ? { uid: 4321, gid: 4322 } : { uid: process.getuid!(), gid: process.getgid!() }
const env: NodeJS.ProcessEnv = {
  ...process.env,
  COMPOSE_PROJECT_NAME: name,
  IMAGE: name,
  DATA_DIR: dataDir,
  BOT_RATE: '5',
}
/** In a container's shell: the one child of init. */
const ROLE_PID = '$(cut -d" " -f1 /proc/1/task/1/children)'
const MINUTE_MS = 60_000

const run = promisify(execFile)
async function docker(...args: string[]): Promise<string> {
  const options: ExecFileOptions = { cwd: project, env, timeout: 10 * MINUTE_MS, maxBuffer: 64 << 20 }
  const { stdout } = await run('docker', args, options)
  return String(stdout)
}
const compose = (...args: string[]): Promise<string> => docker('compose', ...args)

type Container = { Name: string; Service: string; State: string; Health: string }
async function containers(service: string): Promise<Container[]> {
  // Compose prints a list or, in later releases, one object a line.
  const text = (await compose('ps', '--all', '--format', 'json', service)).trim()
  const all: Container[] = text.startsWith('[')
    ? JSON.parse(text)
    : text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
  return all.sort((a, b) => a.Name.localeCompare(b.Name))
}

/** Looks at the files, checks the promise about them, hands them back. */
function look(): PublicFiles {
  const files = publicFilesIn(dataDir)
  assertPrefixes(files)
  return files
}
const publications = (files: PublicFiles): number => linesOf(files, 'server-1', 'publications.jsonl').length

/** Waits until this many more publications are there than now. */
async function chat(more: number): Promise<void> {
  const from = publications(look())
  await waitFor(() => publications(look()) >= from + more, `${more} more publications`, 2 * MINUTE_MS)
}

/** Takes the bots away for a moment: with nobody writing, all servers come to have the same files. */
async function assertEqualWhenQuiet(servers: number): Promise<void> {
  await compose('stop', 'client_auto')
  await waitFor(
    () => Object.keys(look()).length === servers && areEqual(look()),
    () => `${servers} servers with equal files; there are ${Object.keys(look()).join(' ')}`,
    MINUTE_MS,
  )
  await compose('start', 'client_auto')
}

before(async () => {
  chownSync(dataDir, owner.uid, owner.gid)
  const offset = await freeOffset({})
  const hostPorts = {
    ...{ BROKER_HOST_PORT: 5555, PROXY_IN_HOST_PORT: 5557, PROXY_OUT_HOST_PORT: 5558, REF_HOST_PORT: 5559 },
    HTTP_HOST_PORT: 8080,
  }
  for (const [variable, port] of Object.entries(hostPorts)) env[variable] = String(port + offset)
})

after(async () => {
  await compose('down', '--remove-orphans', '--timeout', '5').catch(() => {})
  await docker('image', 'rm', '--force', name).catch(() => {})
  rmSync(dataDir, { recursive: true, force: true })
})

test('up --build --wait: every service becomes healthy', async () => {
  await compose('up', '--build', '--detach', '--wait')
  const counts = { ref: 1, broker: 1, proxy: 1, server: 3, console: 1, client_auto: 2 }
  for (const [service, count] of Object.entries(counts)) {
    const all = await containers(service)
    assert.equal(all.length, count, service)
    for (const container of all)
      assert.deepEqual([container.State, container.Health], ['running', 'healthy'], container.Name)
  }
})

test('bots chat, and every file is a prefix of the longest at every look', async () => {
  await chat(20)
  await assertEqualWhenQuiet(3)
})

test('containers are confined: own user, no capability, nothing to write to, bounded', async () => {
  const [server] = await containers('server')
  const status = await docker('exec', server!.Name, 'sh', '-c', `cat /proc/${ROLE_PID}/status`)
  const field = (key: string): string => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
  assert.match(field('Uid'), new RegExp(`^${owner.uid}\\b`))
  assert.match(field('Gid'), new RegExp(`^${owner.gid}\\b`))
  assert.equal(BigInt(`0x${field('CapEff')}`), 0n)
  assert.equal(field('NoNewPrivs'), '1')
  await assert.rejects(docker('exec', server!.Name, 'touch', '/app/written'), /Read-only file system/)
  const [inspected] = JSON.parse(await docker('inspect', server!.Name))
  assert.ok(inspected.HostConfig.Memory > 0)
  assert.ok(inspected.HostConfig.PidsLimit > 0)
  for (const service of ['ref', 'broker', 'proxy', 'console']) {
    const [{ NetworkSettings }] = JSON.parse(await docker('inspect', (await containers(service))[0]!.Name))
    const bound = Object.values(NetworkSettings.Ports as Record<string, { HostIp: string }[] | null>)
    for (const { HostIp } of bound.flatMap((all) => all ?? [])) assert.equal(HostIp, '127.0.0.1')
  }
})

test('the HTTP gateway answers on this machine, and streams what is said in a channel', async () => {
  const base = `http://127.0.0.1:${env.HTTP_HOST_PORT}`
  const body = JSON.stringify({ jsonrpc: '2.0', method: 'channels', id: 1 })
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${base}/rpc`, { method: 'POST', headers, body })
  const { result } = (await response.json()) as { result: { channels: string[] } }
  assert.ok(result.channels.length > 0)
  assert.equal((await fetch(`${base}/healthz`)).status, 200)
  const events = readEvents(`${base}/events?channel=${result.channels[0]}&from=0`)
  await waitFor(() => events.received.length >= 2, 'events over HTTP', MINUTE_MS)
  events.close()
})

test('a server that is killed comes back and has everything', async () => {
  const [first, second] = await containers('server')
  await docker('kill', first!.Name)
  // The others go on as soon as ref has noticed.
  await waitFor(
    async () => (await containers('server')).some(({ State }) => State === 'exited'),
    'the server to be gone',
  )
  await chatWithout(first!.Name)
  await docker('start', first!.Name)
  await waitHealthy('server')
  // One that dies by itself is started again by Docker.
  const before = await startedAt(second!.Name)
  await docker('exec', '--user', String(owner.uid), second!.Name, 'sh', '-c', `kill -9 ${ROLE_PID}`)
  await waitFor(async () => (await startedAt(second!.Name)) !== before, 'Docker to start the server again')
  await waitHealthy('server')
  await chat(10)
  await assertEqualWhenQuiet(3)
})

test('two more servers join while bots chat', async () => {
  await compose('up', '--detach', '--wait', '--no-recreate', '--scale', 'server=5')
  await waitHealthy('server')
  assert.equal((await containers('server')).length, 5)
  await chat(10)
  await assertEqualWhenQuiet(5)
})

test('compasso in a container: status knows all servers, verify finds the same files', async () => {
  const status = JSON.parse(await compose('exec', '-T', 'ref', 'compasso', 'status', '--json'))
  assert.equal(status.servers.length, 5)
  for (const { state } of status.servers) assert.equal(state, 'installed')
  assert.match(await compose('exec', '-T', 'ref', 'compasso', 'verify'), /prefix|identical/)
  assert.equal(await compose('exec', '-T', 'ref', 'compasso', 'call', 'sum', '10', '5'), 'result: 15\n')
})

test('down and up again keep all data', async () => {
  await compose('down')
  const before = look()
  assert.equal(Object.keys(before).length, 5)
  assert.ok(areEqual(before), 'after a clean stop all servers have the same files')
  await compose('up', '--detach', '--wait', '--scale', 'server=5')
  await chat(10)
  for (const [server, files] of Object.entries(before))
    for (const [file, bytes] of Object.entries(files))
      assert.ok(look()[server]?.[file]?.subarray(0, bytes.length).equals(bytes), `${server}/${file} was kept`)
  await assertEqualWhenQuiet(5)
})

test('everything under the data folder belongs to its owner, who can delete it', async () => {
  await compose('down')
  const entries = readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
  assert.ok(entries.length > 10)
  for (const entry of entries) {
    const { uid, gid } = lstatSync(join(dataDir, entry))
    assert.deepEqual({ uid, gid }, owner, entry)
  }
  const script = `require('fs').readdirSync('${dataDir}').forEach((n) => require('fs').rmSync('${dataDir}/' + n, { recursive: true }))`
  await run(process.execPath, ['-e', script], owner)
  assert.deepEqual(readdirSync(dataDir), [])
})

async function waitHealthy(service: string): Promise<void> {
  const healthy = async (): Promise<boolean> => (await containers(service)).every(({ Health }) => Health === 'healthy')
  await waitFor(healthy, `every ${service} to be healthy`, 2 * MINUTE_MS)
}

/** Some more chat, seen in the files of the servers that are left. */
async function chatWithout(container: string): Promise<void> {
  const length = (): number =>
    Math.max(0, ...Object.values(look()).map((files) => files['publications.jsonl']?.length ?? 0))
  const from = length()
  await waitFor(() => length() > from + 2000, `the others to go on without ${container}`, 2 * MINUTE_MS)
}

const startedAt = async (container: string): Promise<string> =>
  (await docker('inspect', '--format', '{{.State.StartedAt}}', container)).trim()
