/** `compasso conformance`: tries the rules of docs/protocol.md on any broker. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { describeTarget, type Judged, linesFor, summary, toJson } from './conformance/report.ts'
import type { Level } from './conformance/rule.ts'
import { rulesOf } from './conformance/rules/index.ts'
import { runRules, type Target } from './conformance/run.ts'
import { EXIT } from './failure.ts'
import { print, printJson } from './output.ts'
import { requireThere } from './probe.ts'

type Options = { proxy?: string; level: Level; json?: true }

const HELP = `
It asks as any client would, one rule of docs/protocol.md after the other, and says of each: ok, FAILED with what was
expected and what came, or skipped and why. It creates users and channels that begin with "cf" and says things there.

Levels: course (what every server of the course's protocol does), full (all that docs/protocol.md says).
Exit code 0 when no rule failed, 1 when one did, 3 when nobody is there.

Examples:
  npx compasso conformance tcp://127.0.0.1:5555 --proxy tcp://127.0.0.1:5558
  npx compasso conformance tcp://127.0.0.1:5555 --level course --json
`

export function addConformance(program: Command): void {
  program
    .command('conformance')
    .description('Try the rules of the protocol on a broker, ours or not, and report rule by rule.')
    .argument('<broker>', 'where clients connect to, tcp://host:port', readUrl)
    .addOption(
      new Option('--proxy <url>', 'where subscribers connect to; without it publications are skipped').argParser(
        readUrl,
      ),
    )
    .addOption(new Option('--level <level>', 'which rules').choices(['course', 'full']).default('full'))
    .option('--json', 'for programs')
    .addHelpText('after', HELP)
    .action(async (broker: string, { proxy, level, json }: Options) => {
      process.exitCode = await conformance({ broker, proxy: proxy ?? null, level }, json === true)
    })
}

function readUrl(text: string): string {
  const port = Number(/^tcp:\/\/[^\s/]+:(\d{1,5})$/.exec(text)?.[1])
  if (port >= 1 && port <= 65_535) return text
  throw new InvalidArgumentError('It must be tcp://host:port.')
}

async function conformance(target: Target, json: boolean): Promise<number> {
  await requireThere('broker', [target.broker])
  if (target.proxy !== null) await requireThere('proxy', [target.proxy])
  const rules = rulesOf(target.level)
  const width = Math.max(...rules.map(({ id }) => id.length))
  const judged: Judged[] = []
  if (!json) print(describeTarget(target))
  await runRules(rules, target, (rule, verdict) => {
    const before = judged.at(-1)?.rule ?? null
    judged.push({ rule, verdict })
    if (!json) print(linesFor({ rule, verdict }, before, width).join('\n'))
  })
  if (json) printJson(toJson(target, judged))
  else print(`\n${summary(judged)}`)
  return judged.some(({ verdict }) => verdict.result === 'failed') ? EXIT.failed : EXIT.ok
}
