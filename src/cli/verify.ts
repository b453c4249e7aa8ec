/** `compasso verify`: whether all servers' files are the same. */
import { type Command, Option } from 'commander'
import { loadConfig } from '../platform/config.ts'
import { compareServers, type FileReport, type LogReport, serversIn } from './compare.ts'
import { EXIT } from './failure.ts'
import { print, printJson, printTable } from './output.ts'

type Options = { data?: string; json?: true }

const HELP = `
"identical", "prefix, N lines behind" or the first byte that differs, each against the longest file; the SHA-256 is what
sha256sum prints. A prefix is right: a running cluster's servers write one after the other.
Exit code 0 when all files are prefixes of the longest, 1 when not or when there is nothing to compare.

Examples:
  npx compasso verify
  npx compasso verify --data /tmp/try --json
`

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('Compare the files of all servers under the data directory, also while they run.')
    .addOption(new Option('--data <directory>', 'the data directory (DATA_DIR; ./data)'))
    .option('--json', 'for programs')
    .addHelpText('after', HELP)
    .action(async ({ data, json }: Options) => {
      process.exitCode = await verify(data ?? loadConfig().dataDir, json === true)
    })
}

async function verify(dataDir: string, json: boolean): Promise<number> {
  const servers = await serversIn(dataDir)
  const logs = await compareServers(dataDir, servers)
  const differing = logs.flatMap((log) => log.servers).filter((report) => report.result === 'differs').length
  const ok = logs.length > 0 && differing === 0
  if (json) printJson({ dataDir, servers, prefixes: ok, files: logs })
  else show(dataDir, servers, logs, differing)
  return ok ? EXIT.ok : EXIT.failed
}

function show(dataDir: string, servers: readonly string[], logs: readonly LogReport[], differing: number): void {
  if (servers.length === 0)
    return print(`nothing to compare: ${dataDir} has no server-<rank> folders (another one: --data DIRECTORY)`)
  if (logs.length === 0) return print(`nothing to compare: no server under ${dataDir} has written a file yet`)
  const rows = logs.flatMap((log) => log.servers.map((report) => row(log.file, report)))
  const behind = logs.some((log) => log.servers.some((report) => report.result === 'prefix'))
  const same = behind ? 'every file is a prefix of the longest' : 'all files are identical'
  const sum = differing > 0 ? `FILES DIFFER: ${differing} of ${rows.length}` : same
  printTable(HEAD, rows)
  print(`${sum} (${servers.length} servers, ${logs.length} files)`)
}

const HEAD = ['file', 'server', 'bytes', 'lines', 'sha256', 'result']

const row = (file: string, report: FileReport): (string | number)[] => [
  file,
  report.server,
  report.bytes ?? 0,
  report.lines,
  report.sha256,
  describeResult(report),
]

function describeResult({ result, bytes, linesBehind, differsAt }: FileReport): string {
  if (differsAt !== null) return `DIFFERS at byte ${differsAt.byte}, line ${differsAt.line}`
  if (result === 'identical') return 'identical'
  const lines = linesBehind === 1 ? '1 line behind' : `${linesBehind} lines behind`
  return bytes === null ? `missing, ${lines}` : `prefix, ${lines}`
}
