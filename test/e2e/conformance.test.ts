/** The conformance kit against a cluster of ours, against a student's server, and against servers that do one thing wrong. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { pythonIsMissing, root, until, watch } from './broker-harness.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { startSpoiler } from './support/spoiler.ts'
import { FULL_FAULTS, oftenUnavailable } from './support/spoiler-faults.ts'

type Judged = {
  id: string
  result: string
  level: string
  section: string
  expected?: string
  got?: string
  why?: string
}
type Report = { ok: boolean; counts: Record<string, number>; rules: Judged[] }
type Ended = { code: number; out: string; errors: string }

const skip = pythonIsMissing()
const COMMAND = join(root, 'bin', 'compasso.mjs')

function conformance(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, 'conformance', ...args], { timeout: 300_000 }, (error, out, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, errors })
    })
  })
}

async function report(...args: string[]): Promise<Report & { code: number }> {
  const { code, out, errors } = await conformance(...args, '--json')
  assert.equal(errors, '')
  return { code, ...(JSON.parse(out) as Report) }
}

const idsOf = ({ rules }: Report, result: string): string[] =>
  rules.filter((rule) => rule.result === result).map(({ id }) => id)

/** Starts the student's server, well or with a fault. @returns the urls of its broker and its proxy */
async function student(t: TestContext, fault = ''): Promise<[broker: string, proxy: string]> {
  const script = join(root, 'test', 'e2e', 'support', 'course_server.py')
  const running = watch(spawn('/usr/bin/python3', [script, 'tcp://127.0.0.1:*', 'tcp://127.0.0.1:*', fault]))
  t.after(() => running.stop())
  const urls = (): RegExpExecArray | null => /^listening (\S+) (\S+)\n/m.exec(running.output())
  await until(() => urls() !== null, "the student's server")
  return [urls()![1]!, urls()![2]!]
}

let cluster: Cluster
before(async () => {
  cluster = await startCluster()
  await cluster.ready
})
after(() => cluster?.stop())

test('a cluster of ours keeps every rule', async () => {
  const [broker, proxy] = [cluster.config.brokerUrls[0]!, cluster.config.proxyOutUrls[0]!]
  const { code, ok, counts, rules } = await report(broker, '--proxy', proxy)
  assert.deepEqual(
    rules.filter(({ result }) => result !== 'ok'),
    [],
  )
  assert.deepEqual([code, ok, counts.failed], [0, true, 0])
  assert.ok(counts.ok! > 75, `${counts.ok} rules`)
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length, 'every rule has an id of its own')
})

test('the report in text: a heading a section, a line a rule, no colours', async () => {
  const { code, out, errors } = await conformance(cluster.config.brokerUrls[0]!, '--level', 'course')
  assert.deepEqual([code, errors], [0, ''])
  assert.match(
    out,
    /^tcp:\S+, no proxy, level course\n\ncourse, docs\/protocol\.md#envelope\n {2}ok {7}envelope\.reply +a /,
  )
  assert.match(out, /\n {2}skipped {2}publications\.frames .*\n {11}because {3}no --proxy was given\n/)
  assert.match(out, /\n\n\d+ rules: \d+ ok, 0 failed, \d+ skipped\n$/)
  assert.ok(!out.includes('\u001b'))
})

test('nobody there, or no endpoint: one line', async () => {
  for (const [args, code, line] of [
    [['tcp://127.0.0.1:9'], 3, /^compasso: no broker at tcp:\/\/127\.0\.0\.1:9 .*\n$/],
    [['localhost'], 2, /^compasso: .*tcp:\/\/host:port.*\n$/],
    [['tcp://127.0.0.1:99999'], 2, /^compasso: .*tcp:\/\/host:port.*\n$/],
    [['tcp://127.0.0.1:9', '--level', 'some'], 2, /^compasso: .*course, full.*\n$/],
  ] as const) {
    const ended = await conformance(...args)
    assert.deepEqual([ended.code, ended.out], [code, ''], args.join(' '))
    assert.match(ended.errors, line)
  }
})

test("a student's server passes the course's level", { skip }, async (t) => {
  const [broker, proxy] = await student(t)
  const result = await report(broker, '--proxy', proxy, '--level', 'course')
  assert.deepEqual(
    result.rules.filter((rule) => rule.result !== 'ok'),
    [],
  )
  assert.equal(result.code, 0)
})

/** Each fault, the rules that find it, and those that cannot be tried any more. */
const FAULTS: Record<string, { failed: string[]; skipped?: string[] }> = {
  'zero-clock': { failed: ['clocks.after-request', 'clocks.rises'] },
  'own-clock': { failed: ['clocks.after-request'] },
  'no-clock': { failed: ['clocks.clock'], skipped: ['clocks.after-request', 'clocks.rises'] },
  'text-clock': { failed: ['clocks.clock'], skipped: ['clocks.after-request', 'clocks.rises'] },
  'no-timestamp': { failed: ['clocks.timestamp'] },
  'local-time': { failed: ['clocks.timestamp'] },
  'no-service': { failed: ['envelope.service'] },
  status: { failed: ['login'] },
  'short-list': { failed: ['users'] },
  'channel-twice': { failed: ['channel.again'] },
  'no-text': { failed: ['message.unknown'] },
  topic: { failed: ['publications.topic'], skipped: ['publications.prefix'] },
  text: {
    failed: ['publications.frames'],
    skipped: ['publications.topic', 'publications.message', 'publications.prefix'],
  },
}

// Most of the time of some is waiting for what does not come, so they run beside each other.
suite('servers that do not keep all rules', { skip, concurrency: 3 }, () => {
  test('at the full level it gets a report to the end, although some requests kill it', async (t) => {
    const [broker, proxy] = await student(t)
    const result = await report(broker, '--proxy', proxy)
    assert.equal(result.code, 1)
    const course = result.rules.filter(({ level }) => level === 'course')
    assert.deepEqual(
      course.filter((rule) => rule.result !== 'ok'),
      [],
    )
    const failed = idsOf(result, 'failed')
    for (const id of ['envelope.id', 'login.again', 'channels.both', 'history', 'clocks.milliseconds'])
      assert.ok(failed.includes(id), `${id} among ${failed}`)
    // It falls over a request that it does not expect, and that is said once, not waited for again and again.
    const after = result.rules.filter(({ why }) => why?.startsWith('the broker answers nothing since ') === true)
    assert.ok(after.length > 10, JSON.stringify(result.rules))
  })

  test('a server that hangs at one request: what was tried before is reported', async (t) => {
    const [broker] = await student(t, 'hangs')
    const result = await report(broker, '--level', 'course')
    // The first rules that look at all services meet it.
    assert.deepEqual(idsOf(result, 'ok'), ['envelope.reply'])
    assert.deepEqual(idsOf(result, 'failed'), ['envelope.service'])
    const { got } = result.rules.find(({ result }) => result === 'failed')!
    assert.match(got!, /^nothing in \d+ s$/)
    assert.match(result.rules.at(-1)!.why!, /^the broker answers nothing since envelope\.service$/)
  })
  for (const [fault, { failed, skipped = [] }] of Object.entries(FAULTS)) {
    test(`what is wrong is found, and nothing else: ${fault}`, async (t) => {
      const [broker, proxy] = await student(t, fault)
      const result = await report(broker, '--proxy', proxy, '--level', 'course')
      assert.deepEqual([idsOf(result, 'failed'), idsOf(result, 'skipped'), result.code], [failed, skipped, 1])
      for (const { expected, got } of result.rules.filter((rule) => rule.result === 'failed'))
        assert.ok(expected !== undefined && got !== undefined && expected.length + got.length < 600)
    })
  }

  test('replies of another form: one rule fails, and the others are not tried', async (t) => {
    const [broker, proxy] = await student(t, 'flat')
    const result = await report(broker, '--proxy', proxy, '--level', 'course')
    assert.deepEqual(idsOf(result, 'failed'), ['envelope.reply'])
    assert.equal(idsOf(result, 'ok').length, 0)
  })
})

test('a broker that now and then says "not now" breaks no rule', async (t) => {
  const spoiler = await startSpoiler(cluster.config.brokerUrls[0]!, oftenUnavailable())
  t.after(spoiler.close)
  assert.deepEqual(idsOf(await report(spoiler.url), 'failed'), [])
})

suite('brokers that do not keep one rule of the full level', { concurrency: 3 }, () => {
  for (const [name, { fault, failed, skipped = [] }] of Object.entries(FULL_FAULTS)) {
    test(`what is wrong is found, and nothing else: ${name}`, async (t) => {
      const spoiler = await startSpoiler(cluster.config.brokerUrls[0]!, fault)
      t.after(spoiler.close)
      const result = await report(spoiler.url)
      const untried = result.rules.filter(
        ({ result, why }) => result === 'skipped' && why?.startsWith('needs ') === true,
      )
      const ids = untried.map(({ id }) => id).filter((id) => !id.startsWith('publications.'))
      assert.deepEqual([idsOf(result, 'failed'), ids], [failed, skipped], JSON.stringify(result.rules, null, 1))
    })
  }
})
