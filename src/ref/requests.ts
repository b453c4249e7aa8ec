/** What ref is asked, as it travels, and what the core is told of it. */

import type { RefInput } from '../core/ref.ts'
import { type Data, isMap, type Request } from '../protocol/envelope.ts'
import { quote, type Refusal, refuse } from '../protocol/errors.ts'
import { checkName } from '../protocol/names.ts'
import { type Instance, isCount, isEndpoint, type Rank, readReport } from '../protocol/replica.ts'

/** `plain`: a course server's heartbeat (◆), which says no more than its name. */
export type RefRequest = { input: RefInput } | { plain: string } | { refusal: Refusal }

const SERVICES = ['forget', 'heartbeat', 'join', 'leave', 'list', 'rank', 'status']

/** Reads one request. */
export function readRequest({ service, data, wrong }: Request): RefRequest {
  if (wrong !== null) return { refusal: wrong }
  switch (service) {
    case 'rank':
      return readRank(data)
    case 'heartbeat':
    case 'join':
      return readHeartbeat(data)
    case 'leave':
      if (typeof data.instance !== 'string') return bad(`instance must be text, got ${quote(data.instance)}`)
      return { input: { type: 'leave', instance: data.instance as Instance } }
    case 'forget':
      if (!isRank(data.rank)) return bad(`rank must be a rank, got ${quote(data.rank)}`)
      return { input: { type: 'forget', rank: data.rank } }
    case 'list':
      return { input: { type: 'list' } }
    case 'status':
      return { input: { type: 'status' } }
    default:
      return {
        refusal: refuse('unknown_service', `unknown service ${quote(service)}; there are ${SERVICES.join(', ')}`),
      }
  }
}

function readRank(data: Data): RefRequest {
  const wrong = checkName(data.user, 'user')
  if (wrong !== null) return { refusal: wrong }
  const exclude = data.exclude ?? []
  if (!Array.isArray(exclude) || exclude.length > 1000 || !exclude.every(isRank))
    return bad('exclude must be a list of ranks')
  return { input: { type: 'rank', name: String(data.user), exclude } }
}

function readHeartbeat(data: Data): RefRequest {
  const wrong = checkName(data.user, 'user')
  if (wrong !== null) return { refusal: wrong }
  const name = String(data.user)
  if (data.instance === undefined) return { plain: name }
  const report = readReport(data)
  if (report === null || !isEndpoint(data.endpoint) || !isMap(data.endpoint))
    return bad('a heartbeat with an instance must have a whole report and an endpoint')
  return { input: { type: 'heartbeat', name, endpoint: data.endpoint, report } }
}

const isRank = (value: unknown): value is Rank => isCount(value) && value >= 1 && value <= 1_000_000

const bad = (description: string): RefRequest => ({ refusal: refuse('bad_request', description) })
