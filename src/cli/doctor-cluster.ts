/** The doctor's look at the cluster: who is there, whether it answers, versions, clocks. */
import { type Client, connect } from '../client/client.ts'
import { reachable } from '../cluster/readiness.ts'
import type { Config } from '../platform/config.ts'
import { version } from '../platform/version.ts'
import { readClockStatus } from '../protocol/clock-status.ts'
import { readStatus, stateOf } from './cluster-status.ts'
import { type Finding, fine, warning, wrong } from './doctor-finding.ts'
import { describePresence, type Presence, probe } from './probe.ts'

/** @returns findings, and who is there: broker, proxy, ref, gateway */
export async function probeAll(config: Config): Promise<{ present: ReadonlySet<string>; findings: Finding[] }> {
  const places: [who: string, urls: readonly string[]][] = [
    ['broker', config.brokerUrls],
    ['proxy', config.proxyOutUrls],
    ['ref', [config.refUrl]],
    ['gateway', gatewayUrls(config)],
  ]
  const all = places.flatMap(([who, urls]) => urls.map((url) => ({ who, url })))
  const found = await Promise.all(all.map(({ who, url }) => (who === 'gateway' ? probeHttp(url) : probe(url))))
  return {
    present: new Set(all.filter((_, index) => found[index] === 'there').map(({ who }) => who)),
    findings: all.map(({ who, url }, index) => presenceFinding(who, url, found[index]!)),
  }
}

function presenceFinding(who: string, url: string, presence: Presence): Finding {
  if (presence === 'there') return fine(who, `is there, ${url}`)
  const [found = '', next = ''] = describePresence(presence, who, url).split(' — ')
  return wrong(who, found, next)
}

/** Where the rest of the cluster is on other machines, or in other containers, no variable says where the gateway is. */
function gatewayUrls({ brokerUrls, bindHost, httpPort }: Config): string[] {
  const isHere = brokerUrls.some((url) => /^tcp:\/\/(127\.|localhost:)/.test(url))
  return isHere ? [`http://${reachable(bindHost)}:${httpPort}`] : []
}

const HTTP_LIMIT_MS = 1500

async function probeHttp(url: string): Promise<Presence> {
  try {
    const response = await fetch(`${url}/openrpc.json`, { signal: AbortSignal.timeout(HTTP_LIMIT_MS) })
    return (await response.text()).includes('"openrpc"') ? 'there' : 'other'
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'silent' : 'refused'
  }
}

/** @param present who is there; what the others would have to tell was said already */
export async function checkCluster(config: Config, present: ReadonlySet<string>): Promise<Finding[]> {
  const servers = present.has('ref') ? await checkServers(config) : []
  if (!present.has('broker')) return servers
  const client = connect({ broker: config.brokerUrls })
  try {
    return [...servers, ...(await checkAnswers(client))]
  } finally {
    await client.close(0)
  }
}

/** A server's own clock may be this far off before it is worth a word, ms. */
const CLOCK_OFF_MS = 1000

async function checkServers({ refUrl }: Config): Promise<Finding[]> {
  const { ref, rows } = await readStatus(refUrl)
  const members = ref.view?.members.length ?? 0
  const counted = `${members} of ${ref.total} servers are members, ${ref.view?.quorum ?? 'a majority'} needed`
  const findings = [
    members === ref.total
      ? fine('servers', counted)
      : warning('servers', counted, 'npx compasso status; one that will never come back: npx compasso forget RANK'),
  ]
  if (ref.view === null || ref.view === undefined)
    findings.push(
      wrong('servers', 'no majority is there, nothing is answered', 'start the missing servers: npx compasso status'),
    )
  for (const row of rows) {
    const state = stateOf(row)
    if (state !== 'installed')
      findings.push(warning(`server ${row.rank}`, `is ${state}`, 'npx compasso status --help explains the states'))
    const time = readClockStatus(row.status?.time)
    if (time?.errorMs === null || time === null || Math.abs(time.rawOffsetMs) < CLOCK_OFF_MS) continue
    const off = `its machine's clock is ${Math.round(time.rawOffsetMs)} ms off; the cluster corrects that`
    findings.push(warning(`server ${row.rank}`, off, 'set the clock of that machine, with NTP'))
  }
  return findings
}

const ANSWER_LIMIT_MS = 3000
/** So many questions reach every server of a usual cluster. */
const QUESTIONS = 12

/** Asks a few times: how long that takes, which versions answer, and what time they have. */
async function checkAnswers(client: Client): Promise<Finding[]> {
  const versions = new Map<string, Set<string>>()
  let best = { tripMs: Number.POSITIVE_INFINITY, offsetMs: 0 }
  try {
    for (let i = 0; i < QUESTIONS; i++) {
      const [from, sentAt] = [performance.now(), Date.now()]
      const reply = await client.call('info', {}, { deadlineMs: ANSWER_LIMIT_MS })
      const tripMs = performance.now() - from
      if (tripMs < best.tripMs) best = { tripMs, offsetMs: Number(reply.timestamp) - (sentAt + tripMs / 2) }
      const servers = versions.get(String(reply.version)) ?? new Set()
      versions.set(String(reply.version), servers.add(String(reply.server)))
    }
  } catch (error) {
    return [wrong('answers', (error as Error).message, 'npx compasso status; the log of npm start may say more')]
  }
  return [fine('answers', `in ${best.tripMs.toFixed(1)} ms`), versionFinding(versions), clockFinding(best.offsetMs)]
}

function versionFinding(versions: ReadonlyMap<string, ReadonlySet<string>>): Finding {
  const own = version()
  const described = [...versions].map(([one, servers]) => `${one} on ${[...servers].sort().join(', ')}`).join('; ')
  if (versions.size === 1 && versions.has(own)) return fine('versions', `${described}; this tool is ${own}`)
  return warning('versions', `${described}; this tool is ${own}`, 'run the same version everywhere')
}

function clockFinding(offsetMs: number): Finding {
  const off = `this machine's is ${Math.abs(Math.round(offsetMs))} ms ${offsetMs > 0 ? 'behind' : 'ahead of'} the cluster's`
  if (Math.abs(offsetMs) < CLOCK_OFF_MS) return fine('clock', off)
  return warning('clock', off, 'set it, with NTP: times that you see are the servers’ own')
}
