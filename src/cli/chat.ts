/** The chat for people: `publish`, `message`, `channel`, `channels`, `login`, `users`. */
import type { Command } from 'commander'
import type { Data } from '../client/client.ts'
import { escapeControls } from '../platform/pretty.ts'
import { JSON_OPTION, print, printJson, say } from './output.ts'
import { defaultUser, request } from './session.ts'

type Options = { json?: true }
type Said = Options & { user: string }

const USER = ['-u, --user <name>', 'who says it', defaultUser()] as const

export function addChat(program: Command): void {
  addPublish(program)
  addMessage(program)
  addNames(program, {
    name: 'channels',
    description: 'List all channels.',
    none: 'there is no channel yet — npx compasso channel NAME creates one',
    ask: async () => (await request('channels', {})).channels,
  })
  addNamed(program, {
    name: 'channel',
    description: 'Create a channel.',
    example: 'choro',
    act: (channel) => request('channel', { channel }),
    done: 'is a channel now',
  })
  addNames(program, {
    name: 'users',
    description: 'List everybody who has logged in.',
    none: 'nobody has logged in yet — npx compasso login NAME',
    ask: async () => (await request('users', {})).users,
  })
  addNamed(program, {
    name: 'login',
    description: 'Log in: then others can send you messages.',
    example: 'ana',
    act: (user) => request('login', { user }),
    done: 'is logged in',
  })
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
    .action((channel: string, words: string[], { user, json }: Said) =>
      show(request('publish', { user, channel, message: words.join(' ') }), json, 'OK'),
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
    .action((to: string, words: string[], { user, json }: Said) =>
      show(request('message', { src: user, dst: to, message: words.join(' ') }), json, 'OK'),
    )
}

type Names = { name: 'channels' | 'users'; description: string; none: string; ask(): Promise<readonly string[]> }

/** A command that lists the names of one kind, one a line. */
function addNames(program: Command, { name, description, none, ask }: Names): void {
  program
    .command(name)
    .description(description)
    .option('--json', `for programs: {"${name}": […]}`)
    .addHelpText('after', `\nExamples:\n  npx compasso ${name}\n  npx compasso ${name} --json`)
    .action(async ({ json }: Options) => {
      const names = await ask()
      if (json === true) printJson({ [name]: names })
      else if (names.length === 0) say(none)
      else for (const one of names) print(escapeControls(one))
    })
}

type Named = {
  name: 'channel' | 'login'
  description: string
  example: string
  act(name: string): Promise<Data>
  done: string
}

/** A command that makes one name of a kind known. */
function addNamed(program: Command, { name, description, example, act, done }: Named): void {
  program
    .command(name)
    .description(description)
    .argument('<name>', '1 to 64 characters')
    .option(...JSON_OPTION)
    .addHelpText('after', `\nExamples:\n  npx compasso ${name} ${example}\n  npx compasso ${name} ${example} --json`)
    .action((given: string, { json }: Options) => show(act(given), json, `${escapeControls(given)} ${done}`))
}

async function show(reply: Promise<Data>, json: true | undefined, done: string): Promise<void> {
  const data = await reply
  if (json === true) printJson(data)
  else print(done)
}
