/** Names of users and channels: what may be one, and why not. */
import { quote, type Refusal, refuse } from './errors.ts'
import { LIMITS } from './limits.ts'

/** First words of topics that the cluster itself uses; ZeroMQ subscribes by prefix, so a name must not begin with one. */
export const RESERVED_PREFIXES = ['replica', 'servers'] as const

// Control characters, and the separators and overrides that could forge a line or a name on a screen.
const FORBIDDEN = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

/**
 * Checks a name.
 * @param name what was received
 * @param field the field it came in, for the message
 * @returns null when it is a good name, otherwise the refusal
 */
export function checkName(name: unknown, field: string): Refusal | null {
  if (typeof name !== 'string')
    return refuse('bad_request', `${field} must be text of 1 to ${LIMITS.nameLength} characters, got ${quote(name)}`)
  if (name.length === 0 || name.length > LIMITS.nameLength)
    return refuse('bad_request', `${field} must have 1 to ${LIMITS.nameLength} characters, got ${name.length}`)
  const plain = isPlain(name)
  if (!plain && !name.isWellFormed())
    return refuse('bad_request', `${field} is not well-formed Unicode: ${quote(name)}`)
  if (!plain && FORBIDDEN.test(name)) return refuse('bad_request', `${field} has a control character: ${quote(name)}`)
  for (const prefix of RESERVED_PREFIXES) {
    if (name.startsWith(prefix))
      return refuse('reserved_name', `${field} must not begin with ${quote(prefix)}: ${quote(name)}`)
  }
  return null
}

/** Only printable ASCII: what nearly all names and ids are, and far cheaper to see than all of Unicode. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 || unit > 0x7e) return false
  }
  return true
}

/** Checks an idempotency key: 1 to 64 printable characters. */
export function checkId(id: unknown): Refusal | null {
  const fits = typeof id === 'string' && id.length > 0 && id.length <= LIMITS.idLength
  if (fits && (isPlain(id) || (id.isWellFormed() && !FORBIDDEN.test(id)))) return null
  return refuse('bad_request', `id must be text of 1 to ${LIMITS.idLength} printable characters, got ${quote(id)}`)
}

/** Checks a message text: well-formed and at most 64 KiB of UTF-8. */
export function checkText(text: unknown, field: string): Refusal | null {
  if (typeof text !== 'string') return refuse('bad_request', `${field} must be text, got ${quote(text)}`)
  if (!text.isWellFormed()) return refuse('bad_request', `${field} is not well-formed Unicode`)
  // Three bytes a code unit at most, so most texts need no exact count.
  if (text.length * 3 > LIMITS.messageBytes && utf8Length(text) > LIMITS.messageBytes)
    return refuse('too_large', `${field} must have at most ${LIMITS.messageBytes} bytes, got ${utf8Length(text)}`)
  return null
}

const encoder = new TextEncoder()
const utf8Length = (text: string): number => encoder.encode(text).length
