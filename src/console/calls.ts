/** JSON-RPC calls as requests to the cluster. */
import { LARGE_REPLIES } from '../client/batches.ts'
import { CallError, type CallOptions, type Client, type Data } from '../client/client.ts'
import { type ErrorCode, isRetriable, readCode } from '../protocol/errors.ts'
import { LIMITS } from '../protocol/limits.ts'
import { RPC_ERROR_OF, RPC_ERRORS, RPC_OTHER } from '../protocol/rpc-errors.ts'
import type { Invocation, Invoke, RpcError } from './json-rpc.ts'
import { HTTP_LIMITS } from './limits.ts'
import { dataOf, type Methods } from './methods.ts'
import { createTurns, type Turns } from './turns.ts'

/** The method by which OpenRPC has a client ask what there is. */
const DISCOVER = 'rpc.discover'

export type CallsOptions = {
  client: Pick<Client, 'call'>
  methods: Methods
  /** The answer to `rpc.discover`. */
  openRpc: unknown
  /** For calls with large replies, so that few of these are in hand at a time however many are asked for. */
  turns: Turns
}

type NoRoom = () => CallError | null

/** How long a call may take in all, milliseconds, and how much of that it waits for its turn: what is left must do for it. */
const DEADLINE_MS = 15_000
const PATIENCE_MS = 10_000
const TOO_MANY = new CallError('unavailable', 'too many calls with large replies are waiting: ask again', true)

/**
 * Calls services through the client.
 * @param key the client's idempotency key, or null; in a batch each request has its own: key.0, key.1 …
 * @param noRoom why a further large result would find no room, or null
 */
export function createInvoke(options: CallsOptions, key: string | null, noRoom: NoRoom): Invoke {
  const { client, methods, openRpc } = options
  const largeCall = createLargeCall(options, noRoom)
  return async (invocation) => {
    const { method, params, index } = invocation
    if (method === DISCOVER) return { result: openRpc }
    if (!isServiceName(method)) return { error: RPC_ERRORS.methodNotFound }
    const named = dataOf(methods, method, params)
    if ('wrong' in named) return { error: refusal('bad_request', named.wrong) }
    try {
      const id = key === null ? {} : { id: index === null ? key : `${key}.${index}` }
      const call = LARGE_REPLIES.has(method) ? largeCall : client.call
      return { result: await call(method, named.data, id) }
    } catch (error) {
      return { error: errorOf(error, invocation) }
    }
  }
}

/**
 * Like `client.call`, each call when it is its turn, and only while its result would find room. A request has few turns at
 * a time, so that a batch of hundreds neither keeps everybody waiting nor asks for many more than it has room for.
 */
function createLargeCall({ client, turns }: CallsOptions, noRoom: NoRoom) {
  const begunAt = performance.now()
  const own = createTurns(HTTP_LIMITS.callPagesOfRequest)
  let patience: AbortSignal | null = null
  const throwIfFull = (): void => {
    const full = noRoom()
    if (full !== null) throw full
  }
  return (method: string, data: Data, options: CallOptions): Promise<Data> => {
    const call = (): Promise<Data> => {
      throwIfFull()
      return client.call(method, data, { ...options, deadlineMs: DEADLINE_MS - (performance.now() - begunAt) })
    }
    const callInTurn = (): Promise<Data> => {
      throwIfFull()
      return turns.take(call, signal)
    }
    patience ??= abortedAfter(PATIENCE_MS, TOO_MANY)
    const signal = patience
    return own.take(callInTurn, signal)
  }
}

function abortedAfter(ms: number, reason: Error): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(reason), ms).unref()
  return controller.signal
}

/** The specification keeps names that begin with `rpc.` for itself (section 4). */
const isServiceName = (method: string): boolean =>
  method.length > 0 && method.length <= LIMITS.nameLength && !method.startsWith('rpc.')

function errorOf(error: unknown, { method }: Invocation): RpcError {
  if (!(error instanceof CallError)) throw error
  const { code, description, retriable } = error
  const ours = readCode(code)
  const kind = ours === null ? RPC_OTHER : RPC_ERROR_OF[ours]
  return { ...kind, data: { code, description, retriable, service: method } }
}

/** A refusal of our own, as the cluster would give it. */
export const refusal = (code: ErrorCode, description: string): RpcError => ({
  ...RPC_ERROR_OF[code],
  data: { code, description, retriable: isRetriable(code) },
})
