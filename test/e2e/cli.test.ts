/** Every command of who uses a cluster, against one that runs: for people, for programs, and when something is wrong. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { compasso, type Ended, PROGRAM, startCommand } from './support/command.ts'
import { linesOf, publicFilesIn } from './support/files.ts'
import { freeOffset } from './support/ports.ts'
import { temporaryFolder } from './support/temporary.ts'

let cluster: Cluster
let env: Record<string, string>

before(async () => {
  cluster = await startCluster({ servers: 3 })
  await cluster.ready
  env = { PORT_OFFSET: String(cluster.portOffset), DATA_DIR: cluster.dataDir }
})
after(() => cluster.stop())

/** Splits a command line at its spaces; a text with spaces is one word by `_`. */
const words = (line: string): string[] => line.split(' ').map((word) => word.replaceAll('_', ' '))

async function done(line: string): Promise<string> {
  const { code, out, errors } = await compasso(words(line), env)
  assert.equal(code, 0, `${line}: ${errors}`)
  return out
}
const json = async (line: string): Promise<Record<string, unknown>> => JSON.parse(await done(`${line} --json`))
const linesOfJson = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

test('call: any service, by its fields in order or by name', async () => {
  assert.equal(await done('call sum 10 5'), 'result: 15\n')
  assert.equal(await done('call sum -1.5 b=2'), 'result: 0.5\n')
  assert.match(await done('call search name=joão'), /^name: João Carvalho\nage: \d+\n/)
  const { result, count, status } = await json('call mean 3 4 8')
  assert.deepEqual([result, count, status], [5, 3, 'sucesso'])
  const { out } = await compasso(['call', 'sum', 'a=1', '--data', '{"a": 5, "b": 2}', '--deadline', '30'], env)
  assert.equal(out, 'result: 3\n')
  assert.match(await done('call'), /^sum +<a> <b> +Adds two numbers\.$/m)
  const listed = (await json('call')) as unknown as { service: string; fields: { name: string }[] }[]
  assert.deepEqual(
    listed.find(({ service }) => service === 'sum')!.fields.map(({ name }) => name),
    ['a', 'b'],
  )
})

test('the same --id again has one effect', async () => {
  await done('channel idempotent')
  const first = await json('call publish ana idempotent once --id cli-1')
  const again = await json('call publish ana idempotent once --id cli-1')
  assert.deepEqual([first.status, again.status], ['OK', 'OK'])
  const { items } = (await json('history idempotent')) as { items: unknown[] }
  assert.equal(items.length, 1)
})

test('chat: log in, create, publish, write, list, look back', async () => {
  assert.equal(await done('login ana'), 'ana is logged in\n')
  assert.equal((await json('login rui')).status, 'sucesso')
  assert.equal(await done('channel choro'), 'choro is a channel now\n')
  assert.equal(await done('publish choro Good evening --user ana'), 'OK\n')
  assert.equal((await json('publish choro Boa_noite_a=b --user rui')).status, 'OK')
  assert.equal(await done('message rui See you -u ana'), 'OK\n')
  assert.deepEqual((await json('channels')).channels, ['choro', 'idempotent'])
  assert.equal(await done('channels'), 'choro\nidempotent\n')
  assert.deepEqual(await json('users'), { users: ['ana', 'rui'] })
  assert.match(
    await done('history choro'),
    /^\d\d:\d\d:\d\d {2}#\d+ {2}choro {2}ana: Good evening\n.* {2}rui: Boa noite a=b\n$/,
  )
  assert.match(await done('history --user rui --with ana'), / ana → rui: See you\n$/)
  const { items, next } = (await json('history choro --limit 1')) as {
    items: { n: number; message: string }[]
    next: unknown
  }
  assert.deepEqual(
    items.map(({ message }) => message),
    ['Boa noite a=b'],
  )
  assert.notEqual(next, undefined)
  const before = await json(`history choro --before ${items[0]!.n}`)
  assert.deepEqual(
    (before.items as { message: string }[]).map(({ message }) => message),
    ['Good evening'],
  )
})

test('tail: from a position, live, to a user, and in all channels with those that are new', async () => {
  const all = startCommand(['tail', '--json'], env)
  const user = startCommand(['tail', '--user', 'ana'], env)
  const from = startCommand(['tail', 'choro', '--from', '0', '--json'], env)
  await all.printed('listening to all channels')
  await user.printed('listening to messages to ana')
  await from.printed('Boa noite')
  await done('message ana for_you --user rui')
  await done('channel new')
  await done('publish new first --user rui')
  await done('publish choro last --user rui')
  await user.printed(/ rui → ana: for you\n/)
  await from.printed('last')
  const everything = startCommand(['tail', '--from', '0', '--json'], env)
  await all.printed('first')
  for (const text of ['once', 'Good evening', 'first', 'last']) await everything.printed(text)
  everything.child.kill('SIGTERM')
  assert.equal((await everything.ended).code, 143)
  await all.printed('last')
  for (const { child } of [all, user, from]) child.kill('SIGINT')
  for (const { code, errors } of await Promise.all([all.ended, user.ended, from.ended])) {
    assert.equal(code, 130)
    assert.match(errors, /^compasso: listening to .*; Ctrl-C ends\n$/)
  }
  assert.deepEqual(
    linesOfJson(from.out()).map(({ message }) => message),
    ['Good evening', 'Boa noite a=b', 'last'],
  )
  const heard = linesOfJson(all.out())
  assert.deepEqual(
    new Set(heard.map(({ channel, message }) => `${channel} ${message}`)),
    new Set(['new first', 'choro last']),
  )
})

test('tail says when nothing can come, and when it can again', async () => {
  const tail = startCommand(['tail', 'choro'], env)
  await tail.printed('listening to choro')
  cluster.kill('proxy', 'SIGSTOP')
  await tail.printed(/compasso: no proxy at tcp:\S+ any more — waiting\n/)
  cluster.kill('proxy', 'SIGCONT')
  await tail.printed('compasso: the proxy is back')
  await waitFor(async () => {
    await done('publish choro again --user rui')
    return tail.out().includes('rui: again')
  }, 'what is said then')
  tail.child.kill('SIGINT')
  assert.equal((await tail.ended).code, 130)
})

test('music: catalogue, plays, playlists', async () => {
  assert.match(
    await done('catalog gaivota'),
    /^id +title +artist +genre +year +length\ngaivota-de-papel +Gaivota de Papel /,
  )
  assert.equal(((await json('catalog --genre fado --limit 2')).tracks as unknown[]).length, 2)
  assert.equal(await done('play gaivota de papel --user ana'), '♪ Gaivota de Papel — Artur Cordoaria\n')
  assert.equal((await json('play gaivota-de-papel --user ana')).status, 'OK')
  assert.match(await done('plays --user ana'), /^position +time +track\n +\d+ +\d{4}-\d\d-\d\d .* gaivota-de-papel\n/)
  assert.equal(((await json('plays --user ana --limit 1')).items as unknown[]).length, 1)
  assert.match(await done('top'), /^plays +id +title +artist\n +2 +gaivota-de-papel/)
  assert.equal(((await json('top --limit 1')).tracks as { plays: number }[])[0]!.plays, 2)
  assert.equal(await done('playlist create evening --user ana'), 'playlist evening of ana is there now\n')
  assert.equal(await done('playlist add evening gaivota --user ana'), 'added Gaivota de Papel to evening\n')
  assert.match(await done('playlist show evening --user ana'), /\ngaivota-de-papel /)
  const { playlists } = (await json('playlist list --user ana')) as { playlists: { name: string; tracks: number }[] }
  assert.deepEqual(
    playlists.map(({ name, tracks }) => [name, tracks]),
    [['evening', 1]],
  )
  assert.equal(
    await done('playlist remove evening gaivota-de-papel --user ana'),
    'removed Gaivota de Papel from evening\n',
  )
  assert.equal((await json('playlist delete evening --user ana')).status, 'sucesso')
})

test('the menu takes its answers from a script too', async () => {
  const answers = [
    '1',
    'ten',
    '10',
    '5',
    'chat',
    'publish',
    'choro',
    'from a script',
    'listen',
    'nowhere',
    'history',
    'choro',
    '0',
    '',
  ]
  const { code, out, errors } = await compasso(['menu', '--user', 'ana'], env, `${answers.join('\n')}\n`)
  assert.deepEqual([code, errors], [0, ''])
  assert.match(out, /must be a number, got "ten"/)
  assert.match(out, /\nresult: 15\n/)
  assert.match(out, /✗ there is no channel "nowhere"/)
  assert.match(out, / ana: from a script\n/)
  assert.match(out, /\nBye\n$/)
  const { code: cut } = await compasso(['menu'], env, '1\n10\n')
  assert.equal(cut, 0, 'an input that ends in a question leaves the menu')
})

const byNumber = (a: number, b: number): number => a - b

test('logs export: everything in one file, as JSON lines or CSV, and never over another file', async (t) => {
  const folder = temporaryFolder(t)
  const events = linesOfJson(await done('logs export'))
  const positions = events.map(({ n }) => n as number)
  const last = positions.at(-1)!
  assert.deepEqual(positions, positions.toSorted(byNumber))
  // A position that is no event of a log is one without effect: a request that was sent twice, for example.
  const skipped = linesOf(publicFilesIn(cluster.dataDir), 'server-1', 'skipped.jsonl').map(({ n }) => n as number)
  assert.deepEqual(
    [...positions, ...skipped.filter((n) => n < last)].sort(byNumber),
    Array.from({ length: last }, (_, index) => index + 1),
  )
  assert.deepEqual(
    new Set(events.map(({ log }) => log)),
    new Set(['logins', 'channels', 'publications', 'messages', 'plays', 'playlists']),
  )
  const path = join(folder, 'all.csv')
  const made = await compasso(['logs', 'export', path], env)
  assert.match(made.errors, new RegExp(`^compasso: ${events.length} events up to position \\d+ are in `))
  const rows = readFileSync(path, 'utf8').split('\r\n')
  assert.match(rows[0]!, /^n,log,time,clock,origin,seq,id,/)
  assert.equal(rows.length, events.length + 2)
  assert.ok(!existsSync(`${path}.part`))
  const again = await compasso(['logs', 'export', path], env)
  assert.deepEqual(
    [again.code, again.errors],
    [2, `compasso: ${path} is there already — give another name, or remove it\n`],
  )
  const nowhere = await compasso(['logs', 'export', join(folder, 'missing', 'all.csv')], env)
  assert.deepEqual(
    [nowhere.code, nowhere.errors],
    [2, `compasso: there is no folder ${join(folder, 'missing')} — make it, or give another name\n`],
  )
})

test('a reader that has enough ends a command quietly', async () => {
  for (const args of [
    ['tail', 'choro', '--from', '0', '--json'],
    ['logs', 'export'],
    ['call', '--json'],
  ]) {
    const running = startCommand(args, env)
    running.child.stdout!.once('data', () => running.child.stdout!.destroy())
    await waitFor(async () => {
      // What tail would print next is where it notices.
      if (args[0] === 'tail' && running.child.exitCode === null) await done('publish choro more')
      return running.child.exitCode !== null
    }, `${args[0]} to end`)
    const { code, errors } = await running.ended
    assert.equal(code, 0, errors)
    assert.doesNotMatch(errors, /EPIPE| at /)
  }
})

test('output that cannot be written is one line', { skip: !existsSync('/dev/full') && 'no /dev/full' }, async () => {
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'completion', 'bash'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  })
  closeSync(full)
  assert.deepEqual([status, stderr.split('\n').length], [1, 2])
  assert.match(stderr, /^compasso: the output could not be written: .*ENOSPC/)
})

test('doctor finds nothing wrong with a cluster that runs', async () => {
  const { ok, findings } = (await json('doctor')) as { ok: boolean; findings: { check: string; state: string }[] }
  assert.ok(ok)
  const states = Object.fromEntries(findings.map(({ check, state }) => [check, state]))
  for (const check of [
    'node',
    'variables',
    'data',
    'disk',
    'broker',
    'proxy',
    'ref',
    'gateway',
    'servers',
    'answers',
    'versions',
    'clock',
  ])
    assert.ok(states[check] === 'ok' || (check === 'disk' && states[check] === 'warning'), `${check}: ${states[check]}`)
})

const refused: [line: string, code: number, errors: RegExp][] = [
  [
    'publish nowhere hello',
    1,
    /^compasso: unknown_channel: there is no channel "nowhere" — npx compasso channels lists them/,
  ],
  ['message nobody hello', 1, /^compasso: unknown_user: there is no user "nobody" — /],
  ['tail nowhere', 1, /^compasso: there is no channel "nowhere" — /],
  ['tail --user nobody', 1, /^compasso: there is no user "nobody" — /],
  ['call nonsense x=1', 1, /^compasso: unknown_service: .* — npx compasso call lists them$/],
  ['call nonsense 1', 2, /^compasso: the fields of this service are not known here — give each as field=value$/],
  [
    'call sum ten 5',
    2,
    /^compasso: bad_request: a: must be a number, got "ten" — usage: npx compasso call sum <a> <b>$/,
  ],
  ['call sum 1 2 3', 2, /^compasso: sum takes <a> <b>, and "3" is one too many$/],
  ['call sum --data [1]', 2, /^compasso: .*it must be a JSON object, as \{"a": 1\}\. — npx compasso call --help$/],
  ['call sum 1 2 --deadline 0', 2, /it must be a number of seconds from 0\.001 to 86400/],
  ['history', 2, /^compasso: give either a channel or --user — npx compasso history --help$/],
  ['top --limit 101', 2, /it must be a whole number from 1 to 100\. — npx compasso top --help$/],
  ['history choro --limit 1001', 2, /it must be a whole number from 1 to 1000\. — npx compasso history --help$/],
  ['tail choro --user ana', 2, /^compasso: give either a channel or --user — /],
  ['tail choro --from x', 2, /it must be a position, 0 or more, or "last"\. — npx compasso tail --help$/],
  ['play lua', 1, /^compasso: several tracks have "lua": .* — give the id$/],
  ['play zzz', 1, /^compasso: no track has "zzz" — npx compasso catalog lists them$/],
  ['playlist show nothing', 1, /^compasso: not_found: /],
  ['completion tcsh', 2, /Allowed choices are bash, zsh, fish\. — npx compasso completion --help$/],
  ['sattus', 2, /^compasso: unknown command 'sattus' \(Did you mean status\?\) — npx compasso --help$/],
  ['lamport /nope', 1, /^compasso: \/nope: there is no such file or folder$/],
  ['status --watch never', 2, /it must be a number of seconds/],
]
for (const [line, code, errors] of refused)
  test(`compasso ${line}: one line, exit ${code}`, async () => {
    const ended = await compasso(words(line), env)
    assert.equal(ended.code, code)
    assert.equal(ended.out, '')
    assert.match(ended.errors.trimEnd(), errors)
    assert.equal(ended.errors.trimEnd().split('\n').length, 1)
  })

test('without a cluster every command says so soon, with what to do', async () => {
  const nowhere = { ...env, PORT_OFFSET: String(await freeOffset({})) }
  const lines = [
    'call sum 1 2',
    'publish a b',
    'message a b',
    'tail',
    'channels',
    'users',
    'history a',
    'play a',
    'playlist list',
    'top',
    'menu',
    'status',
  ]
  const ends = await Promise.all(lines.slice(0, 6).map((line) => compasso(words(line), nowhere)))
  ends.push(...(await Promise.all(lines.slice(6).map((line) => compasso(words(line), nowhere)))))
  ends.forEach(({ code, out, errors }: Ended, index) => {
    assert.deepEqual([code, out], [3, ''], lines[index])
    assert.match(
      errors,
      /^compasso: no (broker|ref) at tcp:\/\/127\.0\.0\.1:\d+ — is the cluster running\? npm start\n$/,
    )
  })
})

test('doctor without a cluster: what is not there, which ports are free, and who has the one that is not', async () => {
  const offset = await freeOffset({})
  const server = createServer().listen(5558 + offset, '127.0.0.1')
  const { code, out } = await compasso(['doctor'], {
    PORT_OFFSET: String(offset),
    DATA_DIR: join(cluster.dataDir, 'none'),
  })
  server.close()
  assert.equal(code, 1)
  assert.match(out, /✗ broker +no broker at .*\n +→ is the cluster running\? npm start\n/)
  assert.match(out, new RegExp(`✗ ports +port ${5558 + offset} \\(proxy\\) is in use by .*pid ${process.pid}`))
  const elsewhere = await compasso(['doctor'], { PORT_OFFSET: String(offset), DATA_DIR: cluster.dataDir })
  assert.match(elsewhere.out, /! data .* in use by npm start \(pid \d+ on .*\)\n +→ that cluster has other ports/)
  const wrong = await compasso(['doctor', '--json'], { REF_URL: 'x' })
  assert.equal(wrong.code, 1)
  assert.equal(JSON.parse(wrong.out).findings.at(-1).found, 'REF_URL must be tcp://host:port, got "x"')
})
