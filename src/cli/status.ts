/** `compasso status`: asks ref who there is, and every server how far it is. */
import type { Command } from 'commander'
import { z } from 'zod'
import { loadConfig } from '../platform/config.ts'
import { AskError, ask } from './ask.ts'
import { print, printJson, printTable } from './output.ts'
import { requireThere } from './probe.ts'

// Loose: fields that this does not know are passed on by --json.
const viewNumber = z.union([z.number(), z.looseObject({ number: z.number() }).transform(({ number }) => number)])
const LISTED = z.looseObject({
  name: z.string(),
  rank: z.number(),
  endpoint: z.looseObject({ peer: z.string() }).nullish(),
})
const REF = z.looseObject({
  view: z
    .looseObject({ number: z.number(), quorum: z.number(), members: z.array(z.looseObject({ rank: z.number() })) })
    .nullish(),
  total: z.number(),
  /** Those that the quorum is counted over, whether there now or not. */
  ranks: z.array(z.number()).default([]),
  servers: z.array(LISTED.extend({ alive: z.boolean(), member: z.boolean() })),
})
const SERVER = z.looseObject({
  origin: z.string().nullish(),
  view: viewNumber.nullish(),
  state: z.string(),
  position: z.number(),
  digest: z.string().nullish(),
  clock: z.number(),
  unordered: z.number(),
})

type RefStatus = z.infer<typeof REF>
type Listed = RefStatus['servers'][number]
type ServerStatus = z.infer<typeof SERVER>
type Row = Listed & { status: ServerStatus | null }

const HELP = `
States: installed (orders and answers), frozen (changing the view), learner (copying files), repairing (a damaged file),
unreachable, down.
"behind" counts events that the server furthest ahead has ordered and this one has not yet.
Where no ref answers, exit code 3. REF_URL or PORT_OFFSET say where it is.

Examples:
  npx compasso status
  PORT_OFFSET=100 npx compasso status --json
`

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('Ask ref and every server: rank, origin, view, position, digest, who is behind.')
    .option('--json', 'for programs')
    .addHelpText('after', HELP)
    .action(async ({ json }: { json?: true }) => {
      const { refUrl } = loadConfig()
      await requireThere('ref', [refUrl])
      const ref = parse(REF, refUrl, await ask(refUrl, 'status'))
      const rows = await Promise.all(
        withAbsent(ref).map(async (listed) => ({ ...listed, status: await askServer(listed) })),
      )
      rows.sort((a, b) => a.rank - b.rank)
      if (json === true) printJson(asJson(refUrl, ref, rows))
      else show(refUrl, ref, rows)
    })
}

/** The servers that ref hears, and those that it only counts. */
function withAbsent({ servers, ranks }: RefStatus): Listed[] {
  const absent = ranks.filter((rank) => !servers.some((server) => server.rank === rank))
  return [...servers, ...absent.map((rank) => ({ name: `server-${rank}`, rank, alive: false, member: false }))]
}

async function askServer({ alive, endpoint }: Listed): Promise<ServerStatus | null> {
  if (!alive || endpoint === null || endpoint === undefined) return null
  try {
    return parse(SERVER, endpoint.peer, await ask(endpoint.peer, 'status'))
  } catch (error) {
    if (error instanceof AskError) return null
    throw error
  }
}

function parse<T>(schema: z.ZodType<T>, url: string, data: unknown): T {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  throw new AskError(`${url} answered something else than a status (${issue.path.join('.')}: ${issue.message})`)
}

const stateOf = ({ status, alive }: Row): string => status?.state ?? (alive ? 'unreachable' : 'down')
const furthest = (rows: readonly Row[]): number => Math.max(0, ...rows.map(({ status }) => status?.position ?? 0))

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
