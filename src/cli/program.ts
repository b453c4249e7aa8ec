/** `npx compasso`: all commands, one file each. A new one is its file and a line here. */
import { Command } from 'commander'
import { version } from '../platform/version.ts'
import { endOnSignals } from './signals.ts'

const HELP = `
Where the cluster is comes from the environment or .env: BROKER_URL, PROXY_OUT_URL, REF_URL, or PORT_OFFSET for one of
several on this machine.

Exit codes:
  0    done
  1    refused, or what was looked at is not right
  2    the command line or a variable is wrong
  3    nobody there, or no answer in time
  130  Ctrl-C

Examples:
  npx compasso menu
  npx compasso tail
  npx compasso call sum 10 5
  npx compasso status --watch
`

type Add = (program: Command) => void
/** The commands that a file adds, and how to load it. */
type Entry = { names: readonly string[]; load(): Promise<Add> }

const one = (name: string, load: () => Promise<Add>): Entry => ({ names: [name], load })

/**
 * By the headings of the help. Loading all of them takes a third longer than one, so only what was typed is loaded.
 */
const COMMANDS: Readonly<Record<string, readonly Entry[]>> = {
  'The cluster:': [
    one('start', async () => {
      const { addStart } = await import('../cluster/start.ts')
      return (program) => addStart(program.command('start'))
    }),
    one('status', async () => (await import('./status.ts')).addStatus),
    one('clocks', async () => (await import('./clocks.ts')).addClocks),
    one('verify', async () => (await import('./verify.ts')).addVerify),
    one('forget', async () => (await import('./forget.ts')).addForget),
    one('doctor', async () => (await import('./doctor.ts')).addDoctor),
    one('logs', async () => (await import('./logs.ts')).addLogs),
    one('conformance', async () => (await import('./conformance.ts')).addConformance),
    one('lamport', async () => (await import('./lamport.ts')).addLamport),
  ],
  'Chat:': [
    {
      names: ['publish', 'message', 'channels', 'channel', 'users', 'login'],
      load: async () => (await import('./chat.ts')).addChat,
    },
    one('history', async () => (await import('./history.ts')).addHistory),
    one('tail', async () => (await import('./tail.ts')).addTail),
  ],
  'Music:': [
    { names: ['catalog', 'play', 'plays', 'top'], load: async () => (await import('./music.ts')).addMusic },
    one('playlist', async () => (await import('./playlist.ts')).addPlaylist),
  ],
  'Everything else:': [
    one('menu', async () => (await import('./menu.ts')).addMenu),
    one('call', async () => (await import('./call.ts')).addCall),
    // It needs to see all commands.
    { names: [], load: async () => (await import('./completion.ts')).addCompletion },
  ],
}

/**
 * Makes the program; errors of the command line are thrown, not printed.
 * @param typed the first word that was typed; when it is a command, only that is loaded, otherwise all are
 */
export async function createProgram(typed?: string): Promise<Command> {
  const program = new Command('compasso')
    .description('A replicated messaging and RPC cluster on ZeroMQ.')
    .version(version(), '-V, --version')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', HELP)
  const groups = Object.entries(COMMANDS)
  const wanted = groups
    .flatMap(([, entries]) => entries)
    .find(({ names }) => typed !== undefined && names.includes(typed))
  for (const [title, entries] of groups) {
    program.commandsGroup(title)
    for (const entry of entries) if (wanted === undefined || entry === wanted) (await entry.load())(program)
  }
  program.helpCommand('help [command]', 'how a command is used')
  // A cluster ends in its own way; everything else at once.
  program.hook('preAction', (_, command) => {
    if (command.name() !== 'start') endOnSignals()
  })
  return program
}
