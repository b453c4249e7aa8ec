/** How the calls of one turn become bodies: by service, in pieces that leave work for every server, none too large. */
import { encode } from '../protocol/codec.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { Call } from './call.ts'
import { CallError } from './error.ts'

/** Smallest piece, unless there is less. */
const PIECE_MIN = 100
/** A sixth of what is in flight: two pieces for each of three servers. */
const PIECE_SHARE = 6

/** Services whose reply may fill a frame by itself: in a batch it would leave no room for the others. */
export const LARGE_REPLIES: ReadonlySet<string> = new Set(['history'])

type Send = (calls: Call[], body: Uint8Array) => void
type Stamp = (calls: Call[]) => void
type Refuse = (call: Call, error: CallError) => void

/**
 * Encodes calls.
 * @param inFlight how many calls wait for a reply, these included
 * @param stamp puts time and clock into the calls of one body: by Lamport's rule each message has one clock
 * @param send gets each body with its calls; a single call is a plain envelope, more are an array
 * @param refuse gets each call that cannot be encoded
 */
export function encodeBatches(calls: Call[], inFlight: number, stamp: Stamp, send: Send, refuse: Refuse): void {
  const share = Math.ceil(inFlight / PIECE_SHARE)
  const size = Math.min(Math.max(share, PIECE_MIN), LIMITS.batchEnvelopes)
  for (const group of groupByService(calls)) {
    if (LARGE_REPLIES.has(group[0]!.envelope.service) || group[0]!.alone)
      for (const call of group) encodePiece([call], stamp, send, refuse)
    else if (group.length <= size) encodePiece(group, stamp, send, refuse)
    else for (let i = 0; i < group.length; i += size) encodePiece(group.slice(i, i + size), stamp, send, refuse)
  }
}

function groupByService(calls: Call[]): Iterable<Call[]> {
  const first = calls[0]
  if (calls.every((call) => call.envelope.service === first?.envelope.service && call.alone === first.alone))
    return [calls]
  const groups = new Map<string, Call[]>()
  for (const call of calls) {
    const key = `${call.alone} ${call.envelope.service}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [call])
    else group.push(call)
  }
  return groups.values()
}

function encodePiece(calls: Call[], stamp: Stamp, send: Send, refuse: Refuse): void {
  stamp(calls)
  let body: Uint8Array | null = null
  let wrong = `the request has more than ${LIMITS.frameBytes} bytes`
  try {
    body = encode(calls.length === 1 ? calls[0]!.envelope : calls.map((call) => call.envelope))
  } catch (error) {
    wrong = error instanceof Error ? error.message : String(error)
  }
  if (body !== null && body.length <= LIMITS.frameBytes) send(calls, body)
  else if (calls.length === 1)
    refuse(calls[0]!, new CallError(body === null ? 'bad_request' : 'too_large', wrong, false))
  else {
    // Halves until what fits is sent and what cannot be is alone.
    const half = calls.length >> 1
    encodePiece(calls.slice(0, half), stamp, send, refuse)
    encodePiece(calls.slice(half), stamp, send, refuse)
  }
}
