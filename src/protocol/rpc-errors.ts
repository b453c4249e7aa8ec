/** Our error codes as JSON-RPC 2.0 has them: a number and a short text; docs/http.md shows the same table. */
import type { ErrorCode } from './errors.ts'

/** The codes that the specification defines (section 5.1), with its texts. */
export const RPC_ERRORS = {
  parse: { code: -32700, message: 'Parse error' },
  invalidRequest: { code: -32600, message: 'Invalid Request' },
  methodNotFound: { code: -32601, message: 'Method not found' },
  invalidParams: { code: -32602, message: 'Invalid params' },
  internal: { code: -32603, message: 'Internal error' },
} as const

export type RpcErrorKind = { readonly code: number; readonly message: string }

/** Every code of ours: as the specification's where it says the same, otherwise in the range left to servers. */
export const RPC_ERROR_OF: Readonly<Record<ErrorCode, RpcErrorKind>> = {
  bad_request: RPC_ERRORS.invalidParams,
  unknown_service: RPC_ERRORS.methodNotFound,
  internal: RPC_ERRORS.internal,
  unknown_user: { code: -32001, message: 'Unknown user' },
  unknown_channel: { code: -32002, message: 'Unknown channel' },
  already_exists: { code: -32003, message: 'Already exists' },
  reserved_name: { code: -32004, message: 'Reserved name' },
  too_large: { code: -32005, message: 'Too large' },
  not_found: { code: -32006, message: 'Not found' },
  unauthorised: { code: -32007, message: 'Unauthorised' },
  unavailable: { code: -32010, message: 'Unavailable' },
  timeout: { code: -32011, message: 'Timeout' },
  expelled: { code: -32012, message: 'Expelled' },
}

/** For a code that a worker in another language made up. */
export const RPC_OTHER: RpcErrorKind = { code: -32000, message: 'Server error' }
