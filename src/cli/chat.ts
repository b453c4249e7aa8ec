/** The chat for people: `publish`, `message`, `channel`, `channels`, `login`, `users`. */
import type { Command } from 'commander'
import type { Data } from '../client/client.ts'
import { escapeControls } from '../platform/pretty.ts'
import { print, printJson } from './output.ts'
import { defaultUser, request } from './session.ts'

type Options = { user?: string; json?: true }

const USER = ['-u, --user <name>', 'who says it (default: your name on this machine)'] as const
const JSON_OPTION = ['--json', 'for programs: the data of the reply'] as const

export function addChat(program: Command): void {
  program.commandsGroup('Chat:')
  addPublish(program)
  addMessage(program)
  addNames(program, 'channels', 'List all channels.')
  addNamed(program, 'channel', 'Create a channel.', 'choro')
  addNames(program, 'users', 'List everybody who has logged in.')
  addNamed(program, 'login', 'Log in: then others can send you messages.', 'ana')
}

const PUBLISH_HELP = `
"OK" means that it is on the disks of a majority of the servers.

Examples:
  npx compasso publish choro Good evening
  npx compasso publish choro 'It is 5 > 4, no?' --user ana --json
`

function addPublish(program: Command): void {
  program
    .command('publish')
    .description('Say something in a channel.')
    .argument('<channel>', 'which exists: npx compasso channels')
    .argument('<text...>', 'what to say')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', PUBLISH_HELP)
    .action((channel: string, words: string[], { user = defaultUser(), json }: Options) =>
      run('publish', { user, channel, message: words.join(' ') }, json),
    )
}

const MESSAGE_HELP = `
Who gets it must have logged in once. "OK" means that it is on the disks of a majority of the servers.

Examples:
  npx compasso message ana See you tonight
  npx compasso message ana 'See you tonight' --user rui --json
`

function addMessage(program: Command): void {
  program
    .command('message')
    .description('Send a direct message to a user.')
    .argument('<to>', 'who has logged in: npx compasso users')
    .argument('<text...>', 'what to say')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', MESSAGE_HELP)
    .action((to: string, words: string[], { user = defaultUser(), json }: Options) =>
      run('message', { src: user, dst: to, message: words.join(' ') }, json),
    )
}

/** A command that lists the names of one kind, one a line. */
function addNames(program: Command, service: 'channels' | 'users', description: string): void {
  program
    .command(service)
    .description(description)
    .option('--json', `for programs: {"${service}": […]}`)
    .addHelpText('after', `\nExamples:\n  npx compasso ${service}\n  npx compasso ${service} --json`)
    .action(async ({ json }: Options) => {
      const reply = await request(service, {})
      const names = reply[service] as string[]
      if (json === true) printJson({ [service]: names })
      else for (const name of names) print(escapeControls(name))
    })
}

/** A command that makes one name of a kind known. */
function addNamed(program: Command, service: 'channel' | 'login', description: string, example: string): void {
  const field = service === 'login' ? 'user' : 'channel'
  program
    .command(service)
    .description(description)
    .argument('<name>', '1 to 64 characters')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `\nExamples:\n  npx compasso ${service} ${example}\n  npx compasso ${service} ${example} --json`,
    )
    .action((name: string, { json }: Options) => {
      const done = service === 'login' ? 'is logged in' : 'is a channel now'
      return run(service, { [field]: name }, json, `${escapeControls(name)} ${done}`)
    })
}

async function run(service: string, data: Data, json: true | undefined, done = 'OK'): Promise<void> {
  const reply = await request(service, data)
  if (json === true) printJson(reply)
  else print(done)
}
