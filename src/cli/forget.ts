/** `compasso forget`: a server that will never come back no longer counts. */
import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../platform/config.ts'
import { ask } from './ask.ts'
import { print, printJson } from './output.ts'
import { requireThere } from './probe.ts'

const HELP = `
The quorum is counted over all servers that ever joined. One that is gone for good raises it in vain: forget it.
ref refuses while the server is alive.

Examples:
  npx compasso forget 5
  npx compasso forget 5 --json
`

export function addForget(program: Command): void {
  program
    .command('forget')
    .description('Tell ref that a server will never come back.')
    .argument('<rank>', 'its rank, as status shows it', readRank)
    .option('--json', 'for programs: {"rank": …, "ranks": […]}, those that still count')
    .addHelpText('after', HELP)
    .action(async (rank: number, { json }: { json?: true }) => {
      const { refUrl } = loadConfig()
      await requireThere('ref', [refUrl])
      const { ranks } = await ask(refUrl, 'forget', { rank })
      if (json === true) printJson({ rank, ranks })
      else print(`server ${rank} is forgotten`)
    })
}

function readRank(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('a rank is a whole number from 1')
  return Number(text)
}
