/** `compasso tail`: what is being said, live. */
import { type Command, InvalidArgumentError } from 'commander'
import { describeEvent } from './events.ts'
import { EXIT, Failure } from './failure.ts'
import { type Follow, type From, followAll, followChannel, followUser, watchProxy } from './follow.ts'
import { readPosition } from './history.ts'
import { print, printJsonLine, say } from './output.ts'
import { withClient } from './session.ts'

type Options = { user?: string; from?: number | 'last'; json?: true }

const HELP = `
Without a channel: all channels, also those that are created meanwhile. Without --from: from now on, as it is published,
and what is lost on the way is lost. With --from: everything after that position, each message once, in the order of its
channel, whatever happens to the cluster; --from 0 is everything, --from last what comes from now on. Ctrl-C ends it.

Examples:
  npx compasso tail
  npx compasso tail choro
  npx compasso tail choro --from 0 --json | head -3
  npx compasso tail --user ana
`

export function addTail(program: Command): void {
  program
    .command('tail')
    .description('Show what is being said, live: in a channel, in all, or to a user.')
    .argument('[channel]')
    .option('-u, --user <name>', 'direct messages to this user')
    .option('--from <position>', 'everything after this position; or "last"', readFrom)
    .option('--json', 'for programs: one line of JSON each')
    .addHelpText('after', HELP)
    .action((channel: string | undefined, { user, from, json }: Options) => {
      if (channel !== undefined && user !== undefined)
        throw new Failure('give either a channel or --user — npx compasso tail --help', EXIT.usage)
      return tail(channel, user, from, json === true)
    })
}

function tail(channel: string | undefined, user: string | undefined, from: From, json: boolean): Promise<void> {
  const { signal } = new AbortController()
  const what = user !== undefined ? `messages to ${user}` : (channel ?? 'all channels')
  return withClient(
    async (client) => {
      const follow: Follow = {
        client,
        from,
        show: json ? printJsonLine : (event) => print(describeEvent(event)),
        // Silence could be anything; this goes to standard error.
        onReady: () => say(`listening to ${what}; Ctrl-C ends`),
        signal,
      }
      void watchProxy(signal)
      if (user !== undefined) await followUser(follow, user)
      else if (channel !== undefined) await followChannel(follow, channel)
      else await followAll(follow)
    },
    { proxy: true },
  )
}

function readFrom(text: string): number | 'last' {
  if (text === 'last') return text
  try {
    return readPosition(text)
  } catch {
    throw new InvalidArgumentError('it must be a position, 0 or more, or "last".')
  }
}
