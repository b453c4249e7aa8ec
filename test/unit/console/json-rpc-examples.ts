/**
 * The examples of the JSON-RPC 2.0 specification (section 7), as they stand there: what is sent, what must come back (null:
 * nothing), and the methods that they call.
 */
import type { Invoke } from '../../../src/console/json-rpc.ts'

export type Example = { what: string; send: string; receive: string | null }

export const EXAMPLES: readonly Example[] = [
  {
    what: 'positional parameters',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    receive: '{"jsonrpc": "2.0", "result": 19, "id": 1}',
  },
  {
    what: 'positional parameters, the other way round',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
    receive: '{"jsonrpc": "2.0", "result": -19, "id": 2}',
  },
  {
    what: 'named parameters',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    receive: '{"jsonrpc": "2.0", "result": 19, "id": 3}',
  },
  {
    what: 'named parameters in another order',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    receive: '{"jsonrpc": "2.0", "result": 19, "id": 4}',
  },
  {
    what: 'a notification',
    send: '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
    receive: null,
  },
  {
    what: 'a notification of a method that does not exist',
    send: '{"jsonrpc": "2.0", "method": "foobar"}',
    receive: null,
  },
  {
    what: 'a call of a method that does not exist',
    send: '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
    receive: '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}',
  },
  {
    what: 'invalid JSON',
    send: '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
    receive: '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
  },
  {
    what: 'an invalid request object',
    send: '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
    receive: '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
  },
  {
    what: 'a batch that is invalid JSON',
    send: `[
  {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
  {"jsonrpc": "2.0", "method"
]`,
    receive: '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
  },
  {
    what: 'an empty array',
    send: '[]',
    receive: '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
  },
  {
    what: 'an invalid batch, not empty',
    send: '[1]',
    receive: '[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]',
  },
  {
    what: 'an invalid batch',
    send: '[1,2,3]',
    receive: `[
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
]`,
  },
  {
    what: 'a batch',
    send: `[
    {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
    {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
    {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
    {"foo": "boo"},
    {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
    {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
]`,
    receive: `[
    {"jsonrpc": "2.0", "result": 7, "id": "1"},
    {"jsonrpc": "2.0", "result": 19, "id": "2"},
    {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
    {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
    {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
]`,
  },
  {
    what: 'a batch of notifications only',
    send: `[
    {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
    {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
]`,
    receive: null,
  },
]

type Method = (params: unknown) => unknown
const numbers = (params: unknown): number[] => params as number[]
const METHODS: Readonly<Record<string, Method>> = {
  subtract(params) {
    const { minuend, subtrahend } = params as { minuend: number; subtrahend: number }
    const [from, what] = Array.isArray(params) ? numbers(params) : [minuend, subtrahend]
    return from! - what!
  },
  sum: (params) => numbers(params).reduce((sum, one) => sum + one, 0),
  get_data: () => ['hello', 5],
  echo: (params) => params,
  update: () => null,
  notify_hello: () => null,
  notify_sum: () => null,
}

/** The methods that the examples call, and `echo`. @param onCall told of each call of one that exists */
export function exampleMethods(onCall: (method: string) => void = () => {}): Invoke {
  return async ({ method, params }) => {
    if (!Object.hasOwn(METHODS, method)) return { error: { code: -32601, message: 'Method not found' } }
    onCall(method)
    return { result: METHODS[method]!(params) }
  }
}
