/** `compasso status`: asks ref who there is, and every server how far it is. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { loadConfig } from '../platform/config.ts'
import { escapeControls } from '../platform/pretty.ts'
import { furthest, type RefStatus, type Row, readStatus, stateOf } from './cluster-status.ts'
import { Failure } from './failure.ts'
import { readInterval } from './numbers.ts'
import { print, printJson, printJsonLine, printTable } from './output.ts'

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
    .action(async ({ watch, json }: Options) => {
      const { refUrl } = loadConfig()
      if (watch !== undefined) return watchStatus(refUrl, watch === true ? 1 : watch, json === true)
      const { ref, rows } = await readStatus(refUrl)
      if (json === true) printJson(asJson(refUrl, ref, rows))
      else show(refUrl, ref, rows)
    })
}

const HOME = '\u001b[H'
const CLEAR_BELOW = '\u001b[J'

/** Whatever happens to the cluster: what cannot be known is said, and looked at again. */
async function watchStatus(refUrl: string, seconds: number, json: boolean): Promise<never> {
  const terminal = process.stdout.isTTY === true && !json
  if (terminal) process.stdout.write('\u001b[2J')
  for (;;) {
    const state = await readStatus(refUrl).catch((error: unknown) => {
      if (error instanceof Failure) return error.message
      throw error
    })
    if (terminal) process.stdout.write(`${HOME}${CLEAR_BELOW}`)
    if (json)
      printJsonLine(typeof state === 'string' ? { ref: refUrl, error: state } : asJson(refUrl, state.ref, state.rows))
    else {
      print(`${new Date().toLocaleTimeString('en-GB')}, every ${seconds} s, Ctrl-C ends`)
      if (typeof state === 'string') print(escapeControls(state))
      else show(refUrl, state.ref, state.rows)
    }
    await sleep(seconds * 1000)
  }
}

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

function show(refUrl: string, ref: RefStatus, rows: readonly Row[]): void {
  const most = furthest(rows)
  const cells = rows.map((row) => {
    const { status } = row
    const known = [status?.position ?? '-', status === null ? '-' : most - status.position]
    const marks = [status?.clock ?? '-', status?.digest ?? '-']
    const about = [row.rank, row.name, status?.origin ?? '-', String(status?.view ?? '-'), stateOf(row)]
    return [...about, ...known, ...marks]
  })
  print(summary(refUrl, ref))
  printTable(HEAD, cells)
}

function summary(refUrl: string, { view, total }: RefStatus): string {
  const of = `of ${total} servers`
  if (view === null || view === undefined) return `ref ${refUrl}: no view yet, ${of} a majority must be there first`
  const members = view.members.map(({ rank }) => rank).sort((a, b) => a - b)
  return `ref ${refUrl}: view ${view.number}, members ${members.join(', ')} ${of}, quorum ${view.quorum}`
}
