/** What the peer channel answers to tools and to programs in other languages: `status`, `clock`, `election`. */
import { showDigest } from '../core/hash.ts'
import { mergeClient, tick } from '../core/lamport.ts'
import type { Replica } from '../core/replica.ts'
import { decode, encode } from '../protocol/codec.ts'
import { type Data, errorReply, type Request, readBody, replyEnvelope } from '../protocol/envelope.ts'
import { quote, type Refusal, refuse } from '../protocol/errors.ts'
import type { ClusterTime } from './time.ts'

/** Answers the body of a request on the peer channel. */
export function answerTool(body: Buffer, replica: Replica, name: string, time: ClusterTime): Uint8Array {
  let value: unknown
  try {
    value = decode(body)
  } catch (error) {
    return encode(replyEnvelope('', null, stamped(refuse('bad_request', (error as Error).message), replica, time)))
  }
  const { requests, batch } = readBody(value)
  const replies = requests.map((request) => {
    replica.clock = mergeClient(replica.clock, request.clock)
    return replyEnvelope(request.service, request.id, stamped(answer(request, replica, name), replica, time))
  })
  return encode(batch ? replies : replies[0])
}

function stamped(answered: Data | Refusal, replica: Replica, time: ClusterTime): Data {
  replica.clock = tick(replica.clock)
  const { clock } = replica
  return 'code' in answered
    ? errorReply(answered as Refusal, time.now(), clock)
    : { ...answered, timestamp: time.now(), clock }
}

function answer({ service, wrong }: Request, replica: Replica, name: string): Data | Refusal {
  if (wrong !== null) return wrong
  if (service === 'status') return statusOf(replica, name)
  if (service === 'clock') return {}
  if (service === 'election') return { election: 'OK' }
  return refuse('unknown_service', `unknown service ${quote(service)}; there are clock, election, status`)
}

export type State = 'installed' | 'frozen' | 'learner'

/** In a view and answering; in a newer one that is not installed yet; in none. */
export const stateOf = (replica: Replica): State =>
  replica.origin === null ? 'learner' : replica.active ? 'installed' : 'frozen'

function statusOf(replica: Replica, name: string): Data {
  const view = replica.known
  let unordered = 0
  for (const log of replica.logs.values()) unordered += log.held - log.ordered
  return {
    ...{ rank: replica.rank, name, origin: replica.origin, instance: replica.instance, state: stateOf(replica) },
    view: view === null ? null : { ...view, members: view.members.map((member) => member.rank) },
    ...{ position: replica.position, digest: showDigest(replica.digest), unordered, waiting: replica.waiters.size },
    memory: process.memoryUsage().rss,
  }
}
