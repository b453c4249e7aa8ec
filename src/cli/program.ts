/** `npx compasso`: all commands, one file each. A new one is its file and a line here. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { addStart } from '../cluster/start.ts'
import { addConformance } from './conformance.ts'
import { addForget } from './forget.ts'
import { endOnSignals } from './signals.ts'
import { addStatus } from './status.ts'
import { addVerify } from './verify.ts'

const HELP = `
Where the cluster is comes from the environment or .env: BROKER_URL, PROXY_OUT_URL, REF_URL, or PORT_OFFSET for one of
several on this machine.

Exit codes:
  0    done
  1    refused, or what was looked at is not right
  2    the command line or a variable is wrong
  3    nobody there, or no answer in time
  130  Ctrl-C
`

/** Makes the program; errors of the command line are thrown, not printed. */
export function createProgram(): Command {
  const program = new Command('compasso')
    .description('A replicated messaging and RPC cluster on ZeroMQ.')
    .version(readVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', HELP)
  addStart(program.command('start'))
  addStatus(program)
  addVerify(program)
  addForget(program)
  addConformance(program)
  // A cluster ends in its own way; everything else at once.
  program.hook('preAction', (_, command) => {
    if (command.name() !== 'start') endOnSignals()
  })
  return program
}

/** Of this package, which is beside dist/ or src/. */
function readVersion(): string {
  const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
  return JSON.parse(readFileSync(join(import.meta.dirname, root, 'package.json'), 'utf8')).version
}
