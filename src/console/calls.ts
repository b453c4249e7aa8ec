/** JSON-RPC calls as requests to the cluster. */
import { CallError, type Client } from '../client/client.ts'
import { ERROR_CODES, type ErrorCode, isRetriable } from '../protocol/errors.ts'
import { LIMITS } from '../protocol/limits.ts'
import { RPC_ERROR_OF, RPC_ERRORS, RPC_OTHER } from '../protocol/rpc-errors.ts'
import type { Invocation, Invoke, RpcError } from './json-rpc.ts'
import { dataOf, type Methods } from './methods.ts'

/** The method by which OpenRPC has a client ask what there is. */
const DISCOVER = 'rpc.discover'

export type CallsOptions = {
  client: Pick<Client, 'call'>
  methods: Methods
  /** The answer to `rpc.discover`. */
  openRpc: unknown
}

/**
 * Calls services through the client.
 * @param key the client's idempotency key, or null; in a batch each request has its own: key.0, key.1 …
 */
export function createInvoke({ client, methods, openRpc }: CallsOptions, key: string | null): Invoke {
  return async (invocation) => {
    const { method, params, index } = invocation
    if (method === DISCOVER) return { result: openRpc }
    if (!isServiceName(method)) return { error: RPC_ERRORS.methodNotFound }
    const named = dataOf(methods, method, params)
    if ('wrong' in named) return { error: refusal('bad_request', named.wrong) }
    try {
      const options = key === null ? {} : { id: index === null ? key : `${key}.${index}` }
      return { result: await client.call(method, named.data, options) }
    } catch (error) {
      return { error: errorOf(error, invocation) }
    }
  }
}

/** The specification keeps names that begin with `rpc.` for itself (section 4). */
const isServiceName = (method: string): boolean =>
  method.length > 0 && method.length <= LIMITS.nameLength && !method.startsWith('rpc.')

function errorOf(error: unknown, { method }: Invocation): RpcError {
  if (!(error instanceof CallError)) throw error
  const { code, description, retriable } = error
  const kind = isOurs(code) ? RPC_ERROR_OF[code] : RPC_OTHER
  return { ...kind, data: { code, description, retriable, service: method } }
}

const isOurs = (code: string): code is ErrorCode => (ERROR_CODES as readonly string[]).includes(code)

/** A refusal of our own, as the cluster would give it. */
export const refusal = (code: ErrorCode, description: string): RpcError => ({
  ...RPC_ERROR_OF[code],
  data: { code, description, retriable: isRetriable(code) },
})
