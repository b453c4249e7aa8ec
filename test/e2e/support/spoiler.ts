/** A broker in front of a good one that spoils what passes through it, in one way. */
import { Dealer, Router } from 'zeromq'
import { decode, encode } from '../../../src/protocol/codec.ts'
import { LIMITS } from '../../../src/protocol/limits.ts'

type Envelope = { service?: unknown; id?: unknown; data?: Record<string, unknown> }
/** What is done to each envelope that is a map, and to each reply as a whole. */
export type Fault = {
  request?: (envelope: Envelope) => Envelope
  reply?: (envelope: Envelope) => Envelope
  body?: (body: unknown) => unknown
}

/** @returns its endpoint, and how to end it */
export async function startSpoiler(broker: string, fault: Fault): Promise<{ url: string; close(): void }> {
  const front = new Router({ linger: 0, maxMessageSize: LIMITS.frameBytes })
  const back = new Dealer({ linger: 0 })
  await front.bind('tcp://127.0.0.1:*')
  back.connect(broker)
  const { request = same, reply = same, body = same } = fault
  void pass(front, back, (value) => each(value, request))
  void pass(back, front, (value) => body(each(value, reply)))
  const close = (): void => {
    front.close()
    back.close()
  }
  return { url: front.lastEndpoint!, close }
}

const same = <T>(value: T): T => value

const each = (value: unknown, change: (envelope: Envelope) => Envelope): unknown => {
  if (Array.isArray(value)) return value.map((one) => each(one, change))
  return typeof value === 'object' && value !== null ? change(value as Envelope) : value
}

/** Passes messages on until its socket is closed; what is no MessagePack, or was not changed, as it came. */
async function pass(from: Router | Dealer, to: Router | Dealer, change: (value: unknown) => unknown): Promise<void> {
  try {
    for await (const frames of from) await to.send([...frames.slice(0, -1), changed(frames.at(-1)!, change)])
  } catch (error) {
    if (!from.closed && !to.closed) throw error
  }
}

function changed(bytes: Buffer, change: (value: unknown) => unknown): Uint8Array {
  let value: unknown
  try {
    value = decode(bytes)
  } catch {
    return bytes
  }
  const before = encode(value)
  const after = encode(change(value))
  return Buffer.compare(before, after) === 0 ? bytes : after
}
