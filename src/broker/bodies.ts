/** The occasions on which the broker looks into a body: counting, routing by service, and refusing a request itself. */
import { decode, encode } from '../protocol/codec.ts'
import { asText, type Envelope, errorReply, isMap, readBody, replyEnvelope } from '../protocol/envelope.ts'
import { refuse } from '../protocol/errors.ts'
import { LIMITS } from '../protocol/limits.ts'

/** How many requests a body has, from its first bytes alone: what a batch says of itself, at most what is allowed. */
export function requestsIn(body: Buffer): number {
  const first = body[0] ?? 0
  if (first >= 0x90 && first <= 0x9f) return Math.max(1, first & 0x0f)
  if (first !== 0xdc || body.length < 3) return 1
  return Math.min(Math.max(1, body.readUInt16BE(1)), LIMITS.batchEnvelopes)
}

/**
 * The service that a body asks for.
 * @returns null when it cannot be read or is a batch for several services: that is for our own servers, who serve and
 * refuse each envelope of it
 */
export function serviceOf(body: Buffer): string | null {
  const value = tryDecode(body)
  const envelopes = Array.isArray(value) ? value : [value]
  const named = (envelope: unknown): unknown => (isMap(envelope) ? asText(envelope.service) : null)
  const service = named(envelopes[0])
  if (typeof service !== 'string') return null
  return envelopes.every((envelope) => named(envelope) === service) ? service : null
}

/** The reply to a request that no worker answered: an error for each of its envelopes. */
export function unavailableReply(body: Buffer, reason: string, now: number, clock: number): Uint8Array {
  const { requests, batch } = readBody(tryDecode(body))
  const refusal = refuse('unavailable', reason)
  const replies: Envelope[] = requests.map(({ service, id }) =>
    replyEnvelope(service, id, errorReply(refusal, now, clock)),
  )
  return encode(batch ? replies : replies[0])
}

function tryDecode(body: Buffer): unknown {
  try {
    return decode(body)
  } catch {
    return null
  }
}
