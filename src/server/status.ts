/** What the peer channel answers to tools, programs in other languages, and servers that repair their files. */
import { showDigest } from '../core/hash.ts'
import { mergeClient, tick } from '../core/lamport.ts'
import type { Replica } from '../core/replica.ts'
import type { Readable } from '../platform/files-sums.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { ClockStatus } from '../protocol/clock-status.ts'
import { decode, encode } from '../protocol/codec.ts'
import { type Data, errorReply, type Request, readBody, replyEnvelope } from '../protocol/envelope.ts'
import { quote, type Refusal, refuse } from '../protocol/errors.ts'
import type { ClusterTime } from './time.ts'

/** What of a server answers; its replica does, once there is one. */
export type Tools = {
  clock: { clock: number }
  status(): Data
  /** A public file as far as it may be given; null when there is none. */
  readable(log: string): Readable | null
}

export type FileService = (data: Data) => Promise<Data | Refusal>

/** Answers the body of a request on the peer channel. Never rejects. */
export async function answerTool(
  body: Buffer,
  tools: Tools,
  file: FileService,
  time: ClusterTime,
  messages: MessageLog | null,
): Promise<Uint8Array> {
  let value: unknown
  try {
    value = decode(body)
  } catch (error) {
    return encode(replyEnvelope('', null, stamped(refuse('bad_request', (error as Error).message), tools, time)))
  }
  const { requests, batch } = readBody(value)
  const carried = Math.max(...requests.map(({ clock }) => clock))
  tools.clock.clock = mergeClient(tools.clock.clock, carried)
  messages?.received('tool>server', body, carried, tools.clock.clock)
  const replies = []
  for (const request of requests) {
    const answered = request.wrong ?? (await answer(request, tools, batch ? null : file, time))
    replies.push(replyEnvelope(request.service, request.id, stamped(answered, tools, time)))
  }
  const reply = encode(batch ? replies : replies[0])
  messages?.sent('server>tool', reply, tools.clock.clock)
  return reply
}

function stamped(answered: Data | Refusal, tools: Tools, time: ClusterTime): Data {
  tools.clock.clock = tick(tools.clock.clock)
  const { clock } = tools.clock
  return 'code' in answered
    ? errorReply(answered as Refusal, time.now(), clock)
    : { ...answered, timestamp: time.now(), clock }
}

/** @param file null in a batch, whose reply is one frame */
function answer(
  { service, data }: Request,
  tools: Tools,
  file: FileService | null,
  time: ClusterTime,
): Data | Refusal | Promise<Data | Refusal> {
  if (service === 'status') return tools.status()
  if (service === 'file') return file?.(data) ?? refuse('bad_request', 'file must not be in a batch')
  // The course's words, for servers in other languages.
  if (service === 'clock') return { time: time.now() }
  if (service === 'election') return { election: 'OK' }
  return refuse('unknown_service', `unknown service ${quote(service)}; there are clock, election, file, status`)
}

export type State = 'installed' | 'frozen' | 'learner'

/** In a view and answering; in a newer one that is not installed yet; in none. */
export const stateOf = (replica: Replica): State =>
  replica.origin === null ? 'learner' : replica.active ? 'installed' : 'frozen'

export function statusOf(replica: Replica, name: string, time: ClockStatus | null): Data {
  const view = replica.known
  let unordered = 0
  for (const log of replica.logs.values()) unordered += log.held - log.ordered
  return {
    ...{ rank: replica.rank, name, origin: replica.origin, instance: replica.instance, state: stateOf(replica) },
    view: view === null ? null : { ...view, members: view.members.map((member) => member.rank) },
    ...{ position: replica.position, digest: showDigest(replica.digest), unordered, waiting: replica.waiters.size },
    clock: replica.clock,
    time,
    memory: process.memoryUsage().rss,
  }
}
