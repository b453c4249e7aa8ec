import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

const roleModule = new URL('../../../src/platform/role.js', import.meta.url).href

type Run = { child: ChildProcess; records: Record<string, unknown>[]; errors: string[]; closed: Promise<number | null> }

/** A process whose role does what the script says; `context` and `StartError` are there for it. */
function run(script: string, env: Record<string, string> = {}, ipc = false): Run {
  const program = `
    const { runRole, StartError } = await import(process.argv[1])
    runRole('broker', async (context) => { ${script} })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, roleModule], {
    env: { ...process.env, HEALTH_PORT: '0', LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc' as const] : [])],
  })
  const records: Record<string, unknown>[] = []
  const errors: string[] = []
  createInterface({ input: child.stdout! }).on('line', (line) => records.push(JSON.parse(line)))
  createInterface({ input: child.stderr! }).on('line', (line) => errors.push(line))
  // 'close' comes once all output is read, but not at all where this side ends the channel.
  const closed = once(child, ipc ? 'exit' : 'close').then(([code]) => code)
  return { child, records, errors, closed }
}

const messages = (started: Run): unknown[] => started.records.map(({ msg }) => msg)

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} stops what was started, newest first, and ends with 0; a second one changes nothing`, async () => {
    const started = run(`
      context.onStop(() => context.log.info('first'))
      context.onStop(async () => { await new Promise((done) => setTimeout(done, 200)); context.log.info('second') })
      context.log.info('up')`)
    await once(started.child.stdout!, 'data')
    started.child.kill(signal)
    started.child.kill(signal)
    assert.equal(await started.closed, 0)
    assert.deepEqual(messages(started), ['up', 'stopping', 'second', 'first'])
  })

test('it stops when the process that started it is gone', async () => {
  const started = run(`context.log.info('up')`, {}, true)
  await once(started.child.stdout!, 'data')
  started.child.disconnect()
  assert.equal(await started.closed, 0)
})

test('a stopper that fails is told and does not keep the others from stopping; exit 1', async () => {
  const started = run(`
    context.onStop(() => context.log.info('first'))
    context.onStop(() => { throw new Error('no') })
    context.log.info('up')`)
  await once(started.child.stdout!, 'data')
  started.child.kill('SIGTERM')
  assert.equal(await started.closed, 1)
  assert.deepEqual(messages(started), ['up', 'stopping', 'while stopping', 'first'])
})

test('a wrong variable is one line and exit 1', async () => {
  const started = run('', { REPLICAS: '0' })
  assert.equal(await started.closed, 1)
  assert.deepEqual(started.errors, ['REPLICAS must be a whole number from 1 to 99, got "0"'])
  assert.deepEqual(started.records, [])
})

for (const [what, script] of [
  ['a StartError', `throw new StartError('the data is corrupt')`],
  ['fatal', `context.fatal('the data is corrupt')`],
] as const)
  test(`${what} is one record without a stack and exit 1`, async () => {
    const started = run(script)
    assert.equal(await started.closed, 1)
    assert.equal(started.records.length, 1)
    assert.equal(started.records[0]!.msg, 'the data is corrupt')
    assert.equal(started.records[0]!.startError, true)
    assert.equal(started.records[0]!.err, undefined)
  })

for (const [what, script] of [
  ['an exception', `setImmediate(() => { throw new Error('boom') })`],
  ['a rejection', `Promise.reject(new Error('boom'))`],
  ['a failing start', `throw new Error('boom')`],
] as const)
  test(`${what} is one fatal record with its stack and exit 1`, async () => {
    const started = run(script)
    assert.equal(await started.closed, 1)
    const [record] = started.records
    assert.equal(started.records.length, 1)
    assert.equal(record!.level, 60)
    assert.match((record!.err as { stack: string }).stack, /Error: boom\n/)
  })

test('health: 503 until ready, 200 then, with the detail that was given and the clock; so has every record', async () => {
  const port = await freePort()
  const started = run(
    `context.log.info('up')
     process.on('SIGUSR2', () => { context.setHealth(true, { workers: 2 }); context.setClock(() => 41); context.log.info('ready') })`,
    { HEALTH_PORT: String(port) },
  )
  const url = `http://127.0.0.1:${port}/healthz`
  await once(started.child.stdout!, 'data')
  const before = await fetch(url)
  assert.equal(before.status, 503)
  assert.deepEqual(await before.json(), { role: 'broker', ready: false, clock: 0 })
  started.child.kill('SIGUSR2')
  await once(started.child.stdout!, 'data')
  const after = await fetch(url)
  assert.equal(after.status, 200)
  assert.deepEqual(await after.json(), { role: 'broker', ready: true, workers: 2, clock: 41 })
  assert.equal((await fetch(`http://127.0.0.1:${port}/etc/passwd`)).status, 404)
  assert.equal((await fetch(url, { method: 'POST' })).status, 404)
  started.child.kill('SIGTERM')
  assert.equal(await started.closed, 0)
  assert.deepEqual(
    started.records.map(({ msg, clock }) => [msg, clock]),
    [
      ['up', 0],
      ['ready', 41],
      ['stopping', 41],
    ],
  )
})

test('a port in use is one line that names it and says what helps', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const started = run('', { HEALTH_PORT: String(port) })
  assert.equal(await started.closed, 1)
  assert.deepEqual(messages(started), [
    `address 127.0.0.1:${port} is in use by another process; PORT_OFFSET=100 moves every port`,
  ])
  server.close()
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
