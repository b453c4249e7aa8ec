/** `npx compasso`: all commands, one file each. A new one is its file and a line here. */
import { Command } from 'commander'
import { addStart } from '../cluster/start.ts'
import { addCall } from './call.ts'
import { addChat } from './chat.ts'
import { addCompletion } from './completion.ts'
import { addConformance } from './conformance.ts'
import { addDoctor } from './doctor.ts'
import { addForget } from './forget.ts'
import { addHistory } from './history.ts'
import { addLamport } from './lamport.ts'
import { addLogs } from './logs.ts'
import { addMenu } from './menu.ts'
import { addMusic } from './music.ts'
import { addPlaylist } from './playlist.ts'
import { endOnSignals } from './signals.ts'
import { addStatus } from './status.ts'
import { addTail } from './tail.ts'
import { addVerify } from './verify.ts'
import { version } from './version.ts'

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
    .version(version(), '-V, --version')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', HELP)
  program.commandsGroup('The cluster:')
  addStart(program.command('start'))
  addStatus(program)
  addVerify(program)
  addForget(program)
  addConformance(program)
  addDoctor(program)
  addLamport(program)
  addLogs(program)
  addChat(program)
  addHistory(program)
  addTail(program)
  program.commandsGroup('Music:')
  addMusic(program)
  addPlaylist(program)
  program.commandsGroup('Everything else:')
  program.helpCommand('help [command]', 'how a command is used')
  addMenu(program)
  addCall(program)
  addCompletion(program)
  // A cluster ends in its own way; everything else at once.
  program.hook('preAction', (_, command) => {
    if (command.name() !== 'start') endOnSignals()
  })
  return program
}
