/** What nobody should send: bodies, frames and bytes of every bad kind, the same ones for the same seed. */
import { type Socket as Connection, connect } from 'node:net'
import { Dealer } from 'zeromq'
import { encode } from '../../../src/protocol/codec.ts'
import { waitFor } from './wait.ts'

/** A repeatable source of numbers in [0, 1) (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** As many random bytes. */
export function noise(next: () => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)))
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const key = (text: string): Buffer => Buffer.from(encode(text))
/** A MessagePack map whose values are bytes, valid or not. */
const map = (fields: Record<string, Uint8Array>): Buffer =>
  Buffer.concat([
    Buffer.from([0x80 | Object.keys(fields).length]),
    ...Object.entries(fields).flatMap(([name, value]) => [key(name), Buffer.from(value)]),
  ])
/** A request with one field of its data given as bytes. */
const request = (service: string, field: string, bytes: Uint8Array): Buffer =>
  map({ service: key(service), data: map({ [field]: bytes }) })

const TWO_TO_60 = hex('cf 10 00 00 00 00 00 00 00')
const LONE_SURROGATE = hex('a3 ed a0 80')

/** Bodies that are no MessagePack, or none that anybody would decode. */
export const MALFORMED: readonly [what: string, body: Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['a byte that is never used', hex('c1')],
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['JSON', Buffer.from('{"service":"users","data":{}}')],
  ['a truncated request', Buffer.from(encode({ service: 'users', data: { clock: 1 } })).subarray(0, -1)],
  ['two documents', Buffer.concat([encode({ service: 'users' }), encode(1)])],
  ['an array of 4 billion', hex('dd ff ff ff ff')],
  ['arrays of 4 billion in each other', Buffer.concat(Array.from({ length: 240 }, () => hex('dd ff ff ff ff')))],
  ['a map of 4 billion', hex('df ff ff ff ff')],
  ['text of 4 GB', hex('db ff ff ff ff 41')],
  ['bytes of 4 GB', hex('c6 ff ff ff ff 41')],
  ['an extension of 4 GB', hex('c9 ff ff ff ff 01')],
  ['1,200 arrays in each other', Buffer.concat([Buffer.alloc(1200, 0x91), hex('c0')])],
  ['100,000 arrays in each other', Buffer.concat([Buffer.alloc(100_000, 0x91), hex('c0')])],
  ['many maps in each other', Buffer.concat([...Array.from({ length: 500 }, () => hex('81 a1 61')), hex('c0')])],
  ['arrays of 65,535 empty ones', Buffer.concat([hex('dc ff ff'), Buffer.alloc(65_535, 0x90)])],
]

/** Well-formed documents that are no good requests. */
export const MISTAKEN: readonly [what: string, body: Buffer][] = [
  ...[null, 7, 'users', [], [[]], [[[]]], {}, { service: 7 }, { service: '' }, { service: 'x'.repeat(65), data: {} }],
  ...[
    { service: 'users', data: 7 },
    { service: 'users', data: [] },
    { service: 'users', id: 7, data: {} },
  ],
  ...[
    { service: 'users', id: 'x'.repeat(65), data: {} },
    { service: 'users', id: 'a\nb', data: {} },
  ],
  ...[{ service: '../../etc/passwd', data: {} }, { service: 'toString', data: {} }, { service: '__proto__' }],
  ...[
    { service: 'users', data: { clock: -1 } },
    { service: 'users', data: { clock: 1.5 } },
  ],
  ...[
    { service: 'users', data: { clock: 'one' } },
    { service: 'users', data: { clock: 2 ** 60 } },
  ],
  ...[
    { service: 'login', data: {} },
    { service: 'login', data: { user: 7 } },
    { service: 'login', data: { user: [] } },
  ],
  ...['', 'x'.repeat(65), 'a\u0000b', 'a\nb', 'a\u001b[31mb', 'a\u202eb', 'replica', 'servers/1'].map((user) => ({
    ...{ service: 'login', data: { user } },
  })),
  ...[
    { service: 'channel', data: { channel: { a: 1 } } },
    { service: 'publish', data: { channel: 'x' } },
  ],
  { service: 'publish', data: { user: 'a', channel: 'nowhere', message: 'x'.repeat(65_537) } },
  { service: 'history', data: { channel: 'x', limit: 2 ** 40 } },
  Array.from({ length: 1001 }, () => ({ service: 'users', data: {} })),
]
  .map((value): [string, Buffer] => [JSON.stringify(value).slice(0, 80), Buffer.from(encode(value))])
  .concat([
    ['a clock of 2^60', request('users', 'clock', TWO_TO_60)],
    ['a user of 2^60', request('login', 'user', TWO_TO_60)],
    ['a name that is no Unicode', request('login', 'user', LONE_SURROGATE)],
    ['a user that is bytes and no text', request('login', 'user', hex('c4 02 61 ff'))],
    ['a user that is a timestamp', request('login', 'user', hex('d6 ff 00 00 00 01'))],
    ['a user that is an extension', request('login', 'user', hex('d4 01 00'))],
    ['a service of 2^60', map({ service: TWO_TO_60, data: hex('80') })],
    ['a key that is a number', hex('82 01 02 a4 64 61 74 61 80')],
  ])

const BAD = [...MALFORMED, ...MISTAKEN].map(([, body]) => body)

/** Any number of bad bodies: known ones, damaged ones and noise. */
export function* bodies(seed: number, count: number): Generator<Buffer> {
  const next = random(seed)
  for (let i = 0; i < count; i++) {
    const known = BAD[Math.floor(next() * BAD.length)]!
    const kind = next()
    if (kind < 0.4) yield known
    else if (kind < 0.6) yield noise(next, Math.floor(next() * 300))
    else yield damage(known, next)
  }
}

function damage(body: Buffer, next: () => number): Buffer {
  const copy = Buffer.from(body.subarray(0, 4000))
  for (let times = 0; times < 3 && copy.length > 0; times++)
    copy[Math.floor(next() * copy.length)] = Math.floor(next() * 256)
  return copy
}

/** Frames around a body, mostly as they should be. */
export function frame(body: Buffer, next: () => number): Buffer[] {
  const kind = next()
  if (kind < 0.8) return [Buffer.alloc(0), body]
  if (kind < 0.85) return [body]
  if (kind < 0.9) return [Buffer.alloc(0), body, body]
  if (kind < 0.95) return Array.from({ length: 40 }, () => noise(next, 5))
  return [noise(next, 16), Buffer.alloc(0), body]
}

/** Sends bad messages to a socket that takes requests, and waits until all of them have been read. */
export async function sendTo(url: string, seed: number, count: number): Promise<void> {
  const socket = new Dealer({ linger: 1000, sendTimeout: 20_000 })
  socket.connect(url)
  const next = random(seed)
  let answered = false
  void (async () => {
    for await (const frames of socket) answered ||= frames.at(-1)!.includes(LAST)
  })().catch(() => {})
  try {
    for (const body of bodies(seed, count)) await socket.send(frame(body, next))
    await socket.send(['', encode({ service: 'users', id: LAST, data: {} })])
    await waitFor(() => answered, `the answer to what was sent after garbage to ${url}`)
  } finally {
    socket.close()
  }
}

const LAST = 'the-last-one'

/** What strangers may write to a TCP port, ZeroMQ or not. */
export function greetings(seed: number): Buffer[] {
  const next = random(seed)
  const zmtp = hex(`ff 00 00 00 00 00 00 00 01 7f 03 00 4e 55 4c 4c ${'00'.repeat(48)}`)
  return [
    Buffer.alloc(0),
    Buffer.from('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`),
    Buffer.from('POST /healthz HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n'),
    Buffer.from('\r\n\r\n\r\n'),
    zmtp.subarray(0, 10),
    zmtp,
    Buffer.concat([zmtp, noise(next, 500)]),
    // A command, then a frame, of as many bytes as 64 bits can say.
    Buffer.concat([zmtp, hex('06 ff ff ff ff ff ff ff ff'), noise(next, 100)]),
    Buffer.concat([zmtp, hex('02 7f ff ff ff ff ff ff ff'), noise(next, 100)]),
    noise(next, 10_000),
    Buffer.alloc(1_000_000, 0xff),
  ]
}

/** Connects, writes and stays for a moment, whatever the other side does. */
export function writeRaw(port: number, bytes: Buffer): Connection {
  const connection = connect(port, '127.0.0.1')
  connection.on('error', () => {})
  connection.resume()
  connection.write(bytes)
  return connection
}
