/** `compasso status`: asks ref who there is, and every server how far it is. */
import type { Command } from 'commander'
import { loadConfig } from '../platform/config.ts'
import { furthest, type RefStatus, type Row, readStatus, stateOf } from './cluster-status.ts'
import { readInterval } from './numbers.ts'
import { print, printJson, tableOf } from './output.ts'
import { watch } from './watch.ts'

type Options = { watch?: number | true; json?: true }

const HELP = `
States: installed (orders and answers), frozen (changing the view), learner (copying files), repairing (a damaged file),
unreachable, down.
"behind" counts events that the server furthest ahead has ordered and this one has not yet.
Where no ref answers, exit code 3; --watch waits for it. REF_URL or PORT_OFFSET say where it is.

Examples:
  npx compasso status
  npx compasso status --watch
  npx compasso status --watch 5 --json
  PORT_OFFSET=100 npx compasso status --json
`

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('Ask ref and every server: rank, origin, view, position, digest, who is behind.')
    .option('-w, --watch [seconds]', 'again and again until Ctrl-C (default: every second)', readInterval)
    .option('--json', 'for programs; with --watch one line each time')
    .addHelpText('after', HELP)
    .action(async ({ watch: every, json }: Options) => {
      const { refUrl } = loadConfig()
      if (every !== undefined) return watchStatus(refUrl, every === true ? 1 : every, json === true)
      const { ref, rows } = await readStatus(refUrl)
      if (json === true) printJson(asJson(refUrl, ref, rows))
      else print(describeStatus(refUrl, ref, rows).join('\n'))
    })
}

type Seen = { ref: RefStatus; rows: Row[] }

/** Whatever happens to the cluster: what cannot be known is said, and looked at again. */
const watchStatus = (refUrl: string, seconds: number, json: boolean): Promise<never> =>
  watch<Seen>(seconds, json, {
    read: () => readStatus(refUrl),
    lines: ({ ref, rows }) => describeStatus(refUrl, ref, rows),
    json: (seen) => ('error' in seen ? { ref: refUrl, ...seen } : asJson(refUrl, seen.ref, seen.rows)),
  })

function asJson(refUrl: string, ref: RefStatus, rows: readonly Row[]): Record<string, unknown> {
  const most = furthest(rows)
  const servers = rows.map(({ status, ...listed }) => ({
    ...listed,
    ...status,
    state: stateOf({ ...listed, status }),
    behind: status === null ? null : most - status.position,
  }))
  return { ref: refUrl, view: ref.view ?? null, total: ref.total, servers }
}

const HEAD = ['rank', 'name', 'origin', 'view', 'state', 'position', 'behind', 'clock', 'digest']

function describeStatus(refUrl: string, ref: RefStatus, rows: readonly Row[]): string[] {
  const most = furthest(rows)
  const cells = rows.map((row) => {
    const { status } = row
    const known = [status?.position ?? '-', status === null ? '-' : most - status.position]
    const marks = [status?.clock ?? '-', status?.digest ?? '-']
    const about = [row.rank, row.name, status?.origin ?? '-', String(status?.view ?? '-'), stateOf(row)]
    return [...about, ...known, ...marks]
  })
  return [summary(refUrl, ref), ...tableOf(HEAD, cells)]
}

function summary(refUrl: string, { view, total }: RefStatus): string {
  const of = `of ${total} servers`
  if (view === null || view === undefined) return `ref ${refUrl}: no view yet, ${of} a majority must be there first`
  const members = view.members.map(({ rank }) => rank).sort((a, b) => a - b)
  return `ref ${refUrl}: view ${view.number}, members ${members.join(', ')} ${of}, quorum ${view.quorum}`
}
