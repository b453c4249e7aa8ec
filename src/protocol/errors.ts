/** The closed list of error codes; the order is part of the stored outcome of an id, so only append. */
export const ERROR_CODES = [
  'bad_request',
  'unknown_service',
  'unknown_user',
  'unknown_channel',
  'already_exists',
  'reserved_name',
  'too_large',
  'not_found',
  'unavailable',
  'timeout',
  'expelled',
  'unauthorised',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** The code that a text is, or null. */
export const readCode = (text: unknown): ErrorCode | null => ERROR_CODES.find((code) => code === text) ?? null

/** Codes after which the same request, with the same id, may be sent again. */
const RETRIABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['unavailable', 'timeout', 'expelled'])

/** A refusal: why a request was not done, for people and for programs. */
export type Refusal = { code: ErrorCode; description: string }

export const refuse = (code: ErrorCode, description: string): Refusal => ({ code, description })

export const isRetriable = (code: ErrorCode): boolean => RETRIABLE.has(code)

/** The error fields of a reply. `message` repeats `description`: old clients read the one or the other. */
export function errorData(refusal: Refusal): Record<string, unknown> {
  return {
    status: 'erro',
    code: refusal.code,
    description: refusal.description,
    message: refusal.description,
    retriable: isRetriable(refusal.code),
  }
}

/** Text somebody sent, made safe to show: shortened, quoted, control characters escaped. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : describeValue(value)
  const short = text.length > 40 ? `${text.slice(0, 40).toWellFormed()}…` : text.toWellFormed()
  return typeof value === 'string' ? escapeText(JSON.stringify(short)) : escapeText(short)
}

function describeValue(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof Date) return 'a timestamp'
  if (typeof value === 'object') return 'a map'
  return String(value)
}

// JSON.stringify leaves DEL, C1 controls, line separators and bidirectional overrides as they are.
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function escapeText(text: string): string {
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
