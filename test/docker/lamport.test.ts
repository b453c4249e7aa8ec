/**
 * Clocks in Docker, for real: containers that log every message, Lamport's rule checked over all of their logs, and
 * compasso clocks from inside, which finds everybody.
 */
import assert from 'node:assert/strict'
import { type ExecFileOptions, execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import type { Clocks } from '../../src/cli/clocks-read.ts'
import { readLog } from '../../src/cli/lamport.ts'
import { createLamportChecker, REQUIRED } from '../../src/cli/lamport-check.ts'
import { freeOffset } from '../e2e/support/ports.ts'
import { waitFor } from '../e2e/support/wait.ts'

const project = join(import.meta.dirname, '..', '..', '..')
const name = `compasso-lamport-${process.pid}`
const dataDir = mkdtempSync(join(tmpdir(), 'compasso-docker-'))
const env: NodeJS.ProcessEnv = {
  ...process.env,
  ...{ COMPOSE_PROJECT_NAME: name, IMAGE: name, DATA_DIR: dataDir },
  ...{ LOG_LEVEL: 'debug', LOG_FORMAT: 'json', BOT_RATE: '10', CLOCK_SKEW_MS: '1:+3000,2:-2000,3:+500' },
}
const MINUTE_MS = 60_000
/** Of each kind of message. */
const LEAST = 100

const run = promisify(execFile)
async function compose(...args: string[]): Promise<string> {
  const options: ExecFileOptions = { cwd: project, env, timeout: 10 * MINUTE_MS, maxBuffer: 512 << 20 }
  return String((await run('docker', ['compose', ...args], options)).stdout)
}

before(async () => {
  chmodSync(dataDir, 0o755)
  const offset = await freeOffset({})
  const ports = {
    ...{ BROKER_HOST_PORT: 5555, PROXY_IN_HOST_PORT: 5557, PROXY_OUT_HOST_PORT: 5558, REF_HOST_PORT: 5559 },
    HTTP_HOST_PORT: 8080,
  }
  for (const [variable, port] of Object.entries(ports)) env[variable] = String(port + offset)
  await compose('up', '--build', '--detach', '--wait')
})

after(async () => {
  await compose('down', '--remove-orphans', '--timeout', '5').catch(() => {})
  await run('docker', ['image', 'rm', '--force', name]).catch(() => {})
  rmSync(dataDir, { recursive: true, force: true })
})

test('compasso clocks in a container finds every process; clocks seconds apart come together', async () => {
  const read = async (): Promise<Clocks> =>
    JSON.parse(await compose('exec', '-T', 'ref', 'compasso', 'clocks', '--json'))
  let clocks = await read()
  const roles = clocks.processes.map(({ role }) => role).sort()
  assert.deepEqual(roles, [
    ...['broker', 'client', 'client', 'console', 'proxy', 'ref', 'server', 'server', 'server', 'tool'],
  ])
  for (const { name: process, clock } of clocks.processes) assert.ok(clock !== null && clock > 0, process)
  await waitFor(
    async () => {
      clocks = await read()
      return clocks.apartMs !== null && clocks.apartMs < 5
    },
    () => `clocks within 5 ms: ${JSON.stringify(clocks)}`,
    2 * MINUTE_MS,
  )
  assert.ok(clocks.apartBeforeMs! > 4500, `own clocks ${clocks.apartBeforeMs} ms apart`)
})

test("Lamport's rule holds for every message between all containers", async (t) => {
  const logs = (): Promise<string> => compose('logs', '--no-color')
  const seen = (text: string, link: string): number => text.split(`"link":"${link}","message"`).length / 2
  await waitFor(
    async () => {
      const text = await logs()
      return REQUIRED.every((link) => seen(text, link) > 2 * LEAST)
    },
    'enough messages of every kind',
    5 * MINUTE_MS,
  )
  await compose('stop')
  const checker = createLamportChecker(LEAST)
  await readLog(Readable.from([await logs()]), '', checker)
  const { processes, checked, links, violations } = checker.report()
  assert.deepEqual(violations.slice(0, 20), [])
  assert.equal(processes, 9)
  t.diagnostic(`${checked} messages between ${processes} processes`)
  for (const link of links) t.diagnostic(`${link.link}: ${link.checked} (outside ${link.outside}, lost ${link.lost})`)
})
