/** The command line in a real terminal: the menu by numbers, tail, Ctrl-C at any moment. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { compasso, PROGRAM as program } from './support/command.ts'
import { temporaryFolder } from './support/temporary.ts'
import { hasNoTmux, openTerminal } from './support/terminal.ts'

const skip = hasNoTmux()
let cluster: Cluster
let env: Record<string, string> = {}

before(async () => {
  if (skip !== false) return
  cluster = await startCluster({ servers: 1 })
  await cluster.ready
  env = { PORT_OFFSET: String(cluster.portOffset), DATA_DIR: cluster.dataDir }
  await compasso(['channel', 'choro'], env)
})
after(() => cluster?.stop())

test('the menu asks, refuses, explains, answers, goes back, and leaves by 0', { skip }, async (t) => {
  const terminal = openTerminal(t, env)
  terminal.type(`node ${program} menu --user ana; echo "code $?"`)
  await terminal.shows('Your choice')
  assert.match(terminal.screen(), /1 {2}sum +Adds two numbers\.\n +2 {2}mean/)
  terminal.type('9')
  await terminal.shows('type a number from 0 to 6')
  terminal.press('BSpace')
  terminal.type('1')
  await terminal.shows('a: the one number')
  terminal.type('ten')
  await terminal.shows('must be a number, got "ten"')
  for (const _ of 'ten') terminal.press('BSpace')
  terminal.type('10')
  await terminal.shows('b: the other')
  terminal.type('5')
  await terminal.shows('result: 15')
  terminal.type('chat')
  await terminal.shows('0  back')
  terminal.type('publish')
  await terminal.shows('channel: ')
  terminal.type('nowhere')
  await terminal.shows('message: ')
  terminal.type('hello')
  await terminal.shows('✗ there is no channel "nowhere"')
  terminal.type('0')
  await waitFor(
    () => terminal.screen().trimEnd().endsWith('└') && /What would you like to do\?[^?]*$/.test(terminal.screen()),
    () => terminal.screen(),
  )
  terminal.type('0')
  await terminal.shows(/^Bye\ncode 0$/m)
})

test('Ctrl-C leaves from a question, from listening, from tail and from status --watch', { skip }, async (t) => {
  const terminal = openTerminal(t, env)
  const run = (args: string): void =>
    terminal.type(`clear; node ${program} ${args}; echo "code $?"; stty -a | grep -ow echo`)
  const left = async (): Promise<void> => {
    terminal.press('C-c')
    await terminal.shows(/^(\^C)?code 130\necho$/m)
    assert.doesNotMatch(terminal.screen(), / at .*\.js/)
  }
  run('menu --user ana')
  await terminal.shows('Your choice')
  terminal.type('sum')
  await terminal.shows('a: the one number')
  await left()
  run('menu --user ana')
  await terminal.shows('Your choice')
  terminal.type('chat')
  await terminal.shows('0  back')
  terminal.type('listen')
  await terminal.shows('channel (Enter')
  terminal.type('choro')
  await terminal.shows('listening to choro; Enter ends')
  await compasso(['publish', 'choro', 'heard', 'by', 'ear', '--user', 'rui'], env)
  await terminal.shows('rui: heard by ear')
  await left()
  run('tail choro')
  await terminal.shows('listening to choro; Ctrl-C ends')
  await compasso(['publish', 'choro', 'live \u001b[2J\u001b[H', '--user', 'rui'], env)
  await terminal.shows('rui: live \\u001b[2J\\u001b[H')
  await left()
  run('status --watch 0.2')
  await terminal.shows(/server-1@1 +1 +installed/)
  await left()
})

test('Escape goes back, and Enter alone leaves the menu', { skip }, async (t) => {
  const terminal = openTerminal(t, env)
  terminal.type(`node ${program} menu --user ana; echo "code $?"`)
  await terminal.shows('Your choice')
  terminal.type('search')
  await terminal.shows('name: one or more words')
  terminal.press('Escape')
  await waitFor(
    () => terminal.screen().split('What would you like to do?').length === 3,
    () => terminal.screen(),
  )
  await terminal.shows(/Your choice\n.*\n.*└$/)
  terminal.press('Enter')
  await terminal.shows(/^Bye\ncode 0$/m)
})

test('what takes long has a bar, and Ctrl-C leaves no half of a file', { skip }, async (t) => {
  const data = temporaryFolder(t)
  mkdirSync(join(data, 'server-1'))
  const lines = Array.from({ length: 400_000 }, (_, index) => `{"n":${index + 1},"user":"ana","message":"something"}\n`)
  writeFileSync(join(data, 'server-1', 'publications.jsonl'), lines.join(''))
  const terminal = openTerminal(t, env)
  const file = join(data, 'all.csv')
  terminal.type(`node ${program} logs export ${file} --data ${data}; echo "code $?"`)
  await terminal.shows(/exporting {2}█*░+ {2}\d+ %/)
  assert.ok(existsSync(`${file}.part`))
  terminal.press('C-c')
  await terminal.shows(/code 130/)
  assert.deepEqual(readdirSync(data), ['server-1'])
})
