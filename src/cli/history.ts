/** `compasso history`: what was said, page by page. */
import { type Command, InvalidArgumentError } from 'commander'
import { LIMITS } from '../protocol/limits.ts'
import { describeEvent } from './events.ts'
import { EXIT, Failure } from './failure.ts'
import { wholeBetween } from './numbers.ts'
import { print, printJson, say } from './output.ts'
import { request } from './session.ts'

type Options = { user?: string; with?: string; limit: number; before?: number; after?: number; json?: true }

const HELP = `
Prints the newest, oldest first, each with its position (#): --before and --after take one.

Examples:
  npx compasso history choro
  npx compasso history choro --limit 5 --before 1200
  npx compasso history --user ana --with rui
  npx compasso history choro --after 0 --limit 1000 --json
`

export function addHistory(program: Command): void {
  program
    .command('history')
    .description("What was said in a channel, or in somebody's direct messages.")
    .argument('[channel]')
    .option('-u, --user <name>', 'direct messages to and from this user')
    .option('--with <name>', 'with --user: only those between the two')
    .option(
      '-n, --limit <number>',
      `at most so many, 1 to ${LIMITS.historyItems}`,
      wholeBetween(1, LIMITS.historyItems),
      20,
    )
    .option('--before <position>', 'the newest before this position', readPosition)
    .option('--after <position>', 'the oldest after this position', readPosition)
    .option('--json', 'for programs: {"items": […], "next": …}')
    .addHelpText('after', HELP)
    .action(async (channel: string | undefined, { json, ...asked }: Options) => {
      if ((channel === undefined) === (asked.user === undefined))
        throw new Failure('give either a channel or --user — npx compasso history --help', EXIT.usage)
      const reply = await request('history', { ...(channel !== undefined && { channel }), ...asked })
      const { items } = reply
      if (json === true) printJson({ items, next: reply.next ?? null })
      else if (items.length === 0) say('nothing was said there')
      else for (const item of items) print(describeEvent(item))
    })
}

/** A place in the order of all events. */
export function readPosition(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a position is a whole number, 0 or more.')
  return Number(text)
}
