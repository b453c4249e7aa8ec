/** What every command has to have. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '../../../src/cli/program.ts'

const program = await createProgram()

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (piece) => {
      text += piece
    },
  })
  command.outputHelp()
  return text
}
const below = (command: Command): Command[] => [command, ...command.commands.flatMap(below)]
const pathOf = (command: Command): string =>
  command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim()

/** Those that print no data, or have a form of their own for programs. */
const NO_JSON = new Set(['', 'start', 'menu', 'completion', 'logs', 'logs export', 'playlist'])

test('every command says what it does, and shows how with examples that are its own', () => {
  for (const command of below(program)) {
    const help = helpOf(command)
    assert.notEqual(command.description(), '')
    const own = pathOf(command) === 'start' ? 'npm start' : `npx compasso ${pathOf(command)}`.trim()
    assert.ok(
      help.slice(help.indexOf('Examples:')).includes(own) || pathOf(command) === 'completion',
      `${pathOf(command)}: ${help}`,
    )
  }
})

test('whatever prints data does so for programs too', () => {
  for (const command of below(program))
    assert.equal(
      command.options.some(({ long }) => long === '--json'),
      !NO_JSON.has(pathOf(command)),
      pathOf(command),
    )
})

test('one command alone is the same as among all', async () => {
  for (const command of program.commands) {
    const alone = (await createProgram(command.name())).commands.find((one) => one.name() === command.name())
    assert.equal(helpOf(alone!), helpOf(command))
  }
  assert.equal((await createProgram('tail')).commands.length, 1)
  assert.equal((await createProgram('nonsense')).commands.length, program.commands.length)
})
