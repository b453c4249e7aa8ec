/**
 * A server whose public files are damaged, before it can start: ref hears of it, so that others in the same state find
 * it, and it asks everybody whom ref knows for the bytes that it lacks. It is no member and asks for nothing else.
 */
import type { Clock } from '../core/lamport.ts'
import type { Log } from '../platform/log.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { Giver } from '../platform/store-mend.ts'
import type { Others, Standing } from '../platform/store-open.ts'
import { type Data, isMap } from '../protocol/envelope.ts'
import { type Endpoint, type Instance, isEndpoint, type Rank, type Report } from '../protocol/replica.ts'
import { connectLink, type Link } from './link.ts'
import type { Tools } from './status.ts'
import type { ClusterTime } from './time.ts'

const HEARTBEAT_MS = 1000
const ANSWER_MS = 900

export type MendingOptions = {
  instance: Instance
  ref: Link
  clock: Clock
  time: ClusterTime
  log: Log
  messages: MessageLog | null
}

/** The server that is mended; `onBeat` hears once a second how it stands. */
type Patient = { rank: Rank; name: string; endpoint: Endpoint; onBeat(detail: Data): void }

export type Mending = {
  /** What it answers while there is no replica. */
  readonly tools: Tools
  /** Takes the data of an answer of ref. */
  take(data: Data): void
  of(patient: Patient): Others
}

export function createMending({ instance, ref, clock, time, log, messages }: MendingOptions): Mending {
  let lent: { patient: Patient; standing: Standing } | null = null
  let servers: Server[] = []
  const giver = createGiver(
    () => servers,
    ({ peer }) => connectLink({ url: peer, identity: `${instance}-files`, peer: 'server', log, messages, clock, time }),
  )
  const beat = (patient: Patient, standing: Standing): void => {
    const { rank, name, endpoint } = patient
    const { position, known, recorded, quorum, fresh } = standing
    patient.onBeat({ rank, state: 'repairing', position })
    const report: Report = {
      ...{ rank, instance, origin: null, fresh, installed: null, known, recorded, quorum, position },
      ...{ joining: false, level: false, silent: [], hears: [] },
    }
    ref.tell('heartbeat', { user: name, ...report, endpoint })
  }
  return {
    tools: {
      clock: { clock: 0 },
      status: () => statusOfPatient(instance, lent),
      readable: (log) => lent?.standing.readable(log) ?? null,
    },
    take(data) {
      if (Array.isArray(data.servers)) servers = readServers(data.servers, instance)
    },
    of: (patient) => ({
      async areThere() {
        const status = await ref.ask('status', {})
        return !Array.isArray(status?.ranks) || status.ranks.some((other) => other !== patient.rank)
      },
      async lend(standing, work) {
        lent = { patient, standing }
        beat(patient, standing)
        const timer = setInterval(() => beat(patient, standing), HEARTBEAT_MS)
        try {
          await work(giver)
        } finally {
          clearInterval(timer)
          giver.close()
          lent = null
        }
      },
    }),
  }
}

function statusOfPatient(instance: Instance, lent: { patient: Patient; standing: Standing } | null): Data {
  const { rank = null, name = null } = lent?.patient ?? {}
  const { position = 0, digest = null } = lent?.standing ?? {}
  return {
    ...{ rank, name, origin: null, instance, state: lent === null ? 'loading' : 'repairing', view: null },
    ...{ position, digest, unordered: 0, waiting: 0, memory: process.memoryUsage().rss },
  }
}

function readServers(listed: readonly unknown[], own: Instance): Server[] {
  const others = listed.filter(isMap).filter((one) => isEndpoint(one.endpoint) && one.instance !== own)
  return others.map(({ instance, name, endpoint }) => ({
    instance: instance as Instance,
    name: String(name),
    endpoint: endpoint as Endpoint,
  }))
}

type Server = { instance: Instance; name: string; endpoint: Endpoint }

/** Asks one server after the other; for a file it stays with the one that gives. */
function createGiver(servers: () => Server[], connect: (endpoint: Endpoint) => Link): Giver & { close(): void } {
  const links = new Map<Instance, Link>()
  const turns = new Map<string, number>()
  let name = ''
  const linkTo = ({ instance, endpoint }: Server): Link => {
    let link = links.get(instance)
    if (link === undefined) {
      link = connect(endpoint)
      links.set(instance, link)
    }
    return link
  }
  return {
    get name() {
      return name
    },
    next(log) {
      turns.set(log, (turns.get(log) ?? 0) + 1)
    },
    async give(log, from, to) {
      for (let left = servers().length; left > 0; left--) {
        const all = servers()
        const server = all[(turns.get(log) ?? 0) % all.length]
        if (server === undefined) return null
        const answer = await linkTo(server).ask('file', { log, from, to }, ANSWER_MS)
        name = server.name
        if (answer?.bytes instanceof Uint8Array && answer.bytes.length > 0) return answer.bytes
        this.next(log)
      }
      return null
    },
    close() {
      for (const link of links.values()) link.close()
      links.clear()
    },
  }
}
