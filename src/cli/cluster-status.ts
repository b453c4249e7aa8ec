/** Who there is by ref's word, and how far every server is by its own. */
import { z } from 'zod'
import { AskError, ask } from './ask.ts'
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

export type RefStatus = z.infer<typeof REF>
type Listed = RefStatus['servers'][number]
type ServerStatus = z.infer<typeof SERVER>
/** A server that ref knows, and what it says itself; null when it says nothing. */
export type Row = Listed & { status: ServerStatus | null }

/** Asks ref and then all servers. @throws {Failure} when there is no ref */
export async function readStatus(refUrl: string): Promise<{ ref: RefStatus; rows: Row[] }> {
  await requireThere('ref', [refUrl])
  const ref = parse(REF, refUrl, await ask(refUrl, 'status'))
  const rows = await Promise.all(
    withAbsent(ref).map(async (listed) => ({ ...listed, status: await askServer(listed) })),
  )
  return { ref, rows: rows.sort((a, b) => a.rank - b.rank) }
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

/** One of the states that `status --help` explains. */
export const stateOf = ({ status, alive }: Row): string => status?.state ?? (alive ? 'unreachable' : 'down')

/** The position of the server that is furthest ahead. */
export const furthest = (rows: readonly Row[]): number =>
  Math.max(0, ...rows.map(({ status }) => status?.position ?? 0))
