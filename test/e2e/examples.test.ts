/** The programs of examples/c, built with every warning an error and with sanitizers, and of examples/node, on a real cluster. */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Router } from 'zeromq'
import { decode, encode } from '../../src/protocol/codec.ts'
import { root, until, watch } from './broker-harness.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import type { Output } from './support/python.ts'

const skip = toolsAreMissing()
let cluster: Cluster
let build: string
before(async () => {
  build = mkdtempSync(join(tmpdir(), 'compasso-c-'))
  cluster = await startCluster()
  if (!skip) execFileSync('make', ['-s', '-C', join(root, 'examples', 'c'), `BUILD=${build}`, `CFLAGS=${SANITIZED}`])
  await cluster.ready
})
after(async () => {
  await cluster?.stop()
  rmSync(build, { recursive: true, force: true })
})

const SANITIZED = '-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all'

/** In CI they must be there. */
function toolsAreMissing(): string | false {
  try {
    execFileSync('sh', ['-c', 'cc --version && make --version && pkg-config --exists libzmq'], { stdio: 'pipe' })
    execFileSync('sh', ['-c', 'pkg-config --exists msgpack || pkg-config --exists msgpack-c'], { stdio: 'pipe' })
    return false
  } catch (error) {
    if (process.env.CI) throw error
    return 'a C compiler, make, pkg-config, libzmq or msgpack is not installed'
  }
}

const client = (...args: string[]): Promise<Output> => clientOf(cluster.config.brokerUrls[0]!, ...args)

async function clientOf(broker: string, ...args: string[]): Promise<Output> {
  const command = ['-b', broker, ...args]
  try {
    return { code: 0, ...(await promisify(execFile)(join(build, 'client'), command, { timeout: 60_000 })) }
  } catch (error) {
    const { code, stdout, stderr } = error as Output
    if (typeof code !== 'number') throw error
    return { code, stdout, stderr }
  }
}

test('a client in C logs in, creates a channel, publishes and reads it back', { skip }, async () => {
  const { code, stdout, stderr } = await client('demo', 'cora', 'choro')
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^sucesso\nsucesso\nOK\n\[choro\] cora: Hello from C\nclock \d+\n$/)
  assert.equal((await client('users')).stdout, 'cora\n')
  assert.equal((await client('channels')).stdout, 'choro\n')
})

test('what is wrong is said in one line', { skip }, async () => {
  const refused = await client('publish', 'cora', 'nowhere', 'x')
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, /^unknown_channel: .*"nowhere"\n$/)
  for (const wrong of [[], ['dance'], ['publish', 'cora']]) {
    const { code, stderr } = await client(...wrong)
    assert.equal(code, 2)
    assert.match(stderr, /^usage: client /)
  }
})

test('a subscriber in C prints channels and direct messages, by whole topics', { skip }, async (t) => {
  const proxy = cluster.config.proxyOutUrls[0]!
  const subscriber = watch(spawn(join(build, 'subscriber'), ['-p', proxy, 'samba', 'lia']))
  t.after(() => subscriber.stop())
  await until(() => subscriber.output().includes('subscribed\n'), 'the subscription')
  for (const user of ['lia', 'lia2']) assert.equal((await client('login', user)).code, 0)
  for (const channel of ['samba', 'samba2']) assert.equal((await client('channel', channel)).code, 0)
  assert.equal((await client('publish', 'lia', 'samba2', 'not for her')).code, 0)
  assert.equal((await client('message', 'lia', 'lia2', 'nor this')).code, 0)
  assert.equal((await client('publish', 'lia2', 'samba', 'olá, açaí\u0007')).code, 0)
  assert.equal((await client('message', 'lia2', 'lia', 'psst')).code, 0)
  await until(() => subscriber.output().split('\n').length === 4, 'two lines')
  assert.equal(subscriber.output(), 'subscribed\n[samba] lia2: olá, açaí.\nlia2 to lia: psst\n')
})

test('without an answer, and after "try again", it sends the same id again', { skip }, async (t) => {
  const router = new Router({ linger: 0 })
  t.after(() => router.close())
  await router.bind('tcp://127.0.0.1:*')
  const answers = [
    null,
    { status: 'erro', code: 'unavailable', description: 'later', retriable: true },
    { status: 'OK' },
  ]
  const running = clientOf(router.lastEndpoint!, 'publish', 'cora', 'choro', 'once')
  const requests: { id: string; data: { clock: number } }[] = []
  for (const answer of answers) {
    const [identity, , body] = await router.receive()
    const request = decode(body!) as (typeof requests)[0]
    requests.push(request)
    const reply = {
      service: 'publish',
      id: request.id,
      data: { ...answer, timestamp: 1, clock: 100 * requests.length },
    }
    if (answer !== null) await router.send([identity!, '', encode(reply)])
  }
  assert.deepEqual(await running, { code: 0, stdout: 'OK\n', stderr: '' })
  assert.equal(new Set(requests.map(({ id }) => id)).size, 1)
  assert.deepEqual(
    requests.map(({ data }) => data.clock),
    [1, 2, 201],
  )
})

test('the ten lines of Node', async () => {
  const program = join(root, 'examples', 'node', 'client.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [program, cluster.config.brokerUrls[0]!])
  assert.deepEqual(
    [...stdout.matchAll(/^\{ status: '(\w+)', timestamp: \d+, clock: \d+ \}$/gm)].map(([, status]) => status),
    ['sucesso', 'sucesso', 'OK'],
    stdout,
  )
})
