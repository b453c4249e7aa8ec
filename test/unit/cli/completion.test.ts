/** Completion scripts, run by the shells they are for; bash is everywhere, the others where they are installed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { candidatesOf, completionScript } from '../../../src/cli/completion.ts'
import { createProgram } from '../../../src/cli/program.ts'

const root = mkdtempSync(join(tmpdir(), 'compasso-completion-'))
after(() => rmSync(root, { recursive: true, force: true }))

const program = await createProgram()
const scriptOf = (shell: 'bash' | 'zsh' | 'fish'): string => {
  const path = join(root, `script.${shell}`)
  writeFileSync(path, completionScript(shell, program))
  return path
}
const has = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0

/** What bash offers for the last of these words. */
function complete(path: string, ...words: string[]): string[] {
  const lines = `source ${path}
function_name=$(complete -p "$1" | sed -E 's/.*-F ([^ ]+).*/\\1/')
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
"$function_name"
printf '%s\\n' "\${COMPREPLY[@]}"`
  const done = spawnSync('bash', ['-c', lines, 'bash', ...words], { encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  assert.equal(done.stderr, '')
  return done.stdout.split('\n').filter((word) => word !== '')
}

test('every command and every option is among the candidates', () => {
  const candidates = candidatesOf(program)
  const words = new Map(candidates.map(({ path, words }) => [path, words.map(({ word }) => word)]))
  for (const command of program.commands) assert.ok(words.get('')!.includes(command.name()))
  assert.ok(words.get('tail')!.includes('--from'))
  assert.ok(words.get('logs')!.includes('export'))
  assert.ok(words.get('logs export')!.includes('--format'))
  assert.ok(words.get('call')!.includes('publish'))
})

test('bash completes commands, subcommands, options, services and shells', () => {
  const path = scriptOf('bash')
  assert.deepEqual(complete(path, 'compasso', 'sta'), ['start', 'status'])
  assert.deepEqual(complete(path, 'npx', 'compasso', 'hist'), ['history'])
  assert.deepEqual(complete(path, 'npx', 'compasso', 'logs', 'exp'), ['export'])
  assert.deepEqual(complete(path, 'npx', 'other', 'hist'), [])
  assert.deepEqual(complete(path, 'compasso', 'tail', 'choro', '--f'), ['--from'])
  assert.deepEqual(complete(path, 'compasso', 'logs', 'exp'), ['export'])
  assert.deepEqual(complete(path, 'compasso', 'logs', 'export', '--f'), ['--format'])
  assert.deepEqual(complete(path, 'compasso', 'call', 'pub'), ['publish'])
  assert.deepEqual(complete(path, 'compasso', 'completion', ''), ['bash', 'zsh', 'fish', '--help'])
})

test('zsh and fish take theirs', (t) => {
  for (const shell of ['zsh', 'fish'] as const) {
    if (!has(shell)) t.diagnostic(`no ${shell} here: its script is not tried`)
    else assert.equal(spawnSync(shell, ['-n', scriptOf(shell)], { encoding: 'utf8' }).stderr, '')
  }
  if (!has('fish')) return
  const done = spawnSync('fish', ['-c', `source ${scriptOf('fish')}; complete -C 'compasso sta'`], { encoding: 'utf8' })
  assert.deepEqual(done.stdout.match(/^\w+/gm), ['start', 'status'])
})
