/** The limits of the wire: what is just allowed is answered, and one more is refused. */
import { encode } from '../../../protocol/codec.ts'
import type { Data } from '../../../protocol/envelope.ts'
import { LIMITS } from '../../../protocol/limits.ts'
import { type Probe, readReply } from '../probe.ts'
import { expect, type Rule } from '../rule.ts'
import { expectCode } from './errors.ts'

const needs = ['envelope.reply']
const common = { section: 'limits', level: 'full', needs } as const
const rule = (id: string, says: string, check: Rule['check'], more: readonly string[] = needs): Rule => ({
  ...common,
  ...{ id: `limits.${id}`, says, check, needs: more },
})

/** A list in the data of a request that makes the whole as many levels deep. */
function nested(levels: number): Data {
  let value: unknown = 0
  for (let level = 2; level < levels; level++) value = [value]
  return { service: 'users', data: { ignored: value } }
}

/** A request for `users` of exactly so many bytes. */
function bodyOf(bytes: number): Uint8Array {
  const make = (length: number): Uint8Array => encode({ service: 'users', data: { ignored: 'x'.repeat(length) } })
  const half = bytes >> 1
  return make(bytes - (make(half).length - half))
}

const users = async (probe: Probe, count: number): Promise<unknown> =>
  probe.send(Array.from({ length: count }, () => ({ service: 'users', data: {} })))

const dataOf = async (probe: Probe, body: unknown): Promise<Data> => readReply(await probe.send(body)).data

export const LIMIT_RULES: readonly Rule[] = [
  rule('name', 'a name has 1 to 64 characters', async (probe) => {
    const longest = probe.name('é'.repeat(64)).slice(0, LIMITS.nameLength)
    const { status } = await probe.call('login', { user: longest })
    expect(status === 'sucesso', 'status "sucesso" for 64 characters', status)
    for (const user of ['', `${longest}x`]) expectCode(await probe.call('login', { user }), 'bad_request')
  }),
  rule('name-characters', 'a name has no control characters and no directional overrides', async (probe) => {
    for (const odd of ['\n', '\u0000', '\u001b', '\u202e'])
      expectCode(await probe.call('channel', { channel: `${probe.name('a')}${odd}` }), 'bad_request')
  }),
  rule('message', 'a message text has at most 64 KiB of UTF-8', async (probe) => {
    const [user, channel] = ['ana', 'samba'].map(probe.name)
    await probe.call('login', { user })
    await probe.call('channel', { channel })
    const longest = 'é'.repeat(LIMITS.messageBytes / 2)
    const { status } = await probe.call('publish', { user, channel, message: longest })
    expect(status === 'OK', `status "OK" for ${LIMITS.messageBytes} bytes`, status)
    expectCode(await probe.call('publish', { user, channel, message: `${longest}x` }), 'too_large')
  }),
  rule(
    'id',
    'an id is text of 1 to 64 printable characters',
    async (probe) => {
      const longest = probe.name('i'.repeat(64)).slice(0, LIMITS.idLength)
      const { data, id } = await probe.ask('users', {}, { id: longest })
      expect(Array.isArray(data.users) && id === longest, 'an answer, and the same id', { id, data })
      for (const wrong of ['', `${longest}x`, 'a\nb', 7])
        expectCode(await probe.call('users', {}, { id: wrong }), 'bad_request')
    },
    ['envelope.id'],
  ),
  rule('clock', 'a clock that is no whole number from 0 to 2^53−1 is refused', async (probe) => {
    for (const clock of [-1, 1.5, 2 ** 53, 'soon']) expectCode(await probe.call('users', { clock }), 'bad_request')
  }),
  rule('batch', 'a batch has at most 1,000 envelopes', async (probe) => {
    const most = await users(probe, LIMITS.batchEnvelopes)
    const replies = Array.isArray(most) ? most.length : most
    expect(replies === LIMITS.batchEnvelopes, `${LIMITS.batchEnvelopes} replies`, replies)
    expectCode(readReply(await users(probe, LIMITS.batchEnvelopes + 1)).data, 'too_large')
  }),
  rule('depth', `a document is nested at most ${LIMITS.depth} deep`, async (probe) => {
    const data = await dataOf(probe, nested(LIMITS.depth))
    expect(Array.isArray(data.users), `an answer at ${LIMITS.depth}`, data)
    expectCode(await dataOf(probe, nested(LIMITS.depth + 1)), 'bad_request')
  }),
  rule('elements', 'a document that declares more elements than it has bytes is refused', async (probe) => {
    for (const hex of ['ddffffffff', 'dfffffffff', 'dbffffffff61', 'c6ffffffff61', 'dcffff'.repeat(400)])
      expectCode(readReply(await probe.sendBytes(Buffer.from(hex, 'hex'))).data, 'bad_request')
  }),
  rule('extension', 'MessagePack extensions other than timestamps are refused', async (probe) => {
    const body = Buffer.concat([
      encode({ service: 'users', data: { x: 0 } }).subarray(0, -1),
      Buffer.from('d40100', 'hex'),
    ])
    expectCode(readReply(await probe.sendBytes(body)).data, 'bad_request')
  }),
  rule('frame', 'a frame has at most 1 MiB: after a larger one the connection is closed', async (probe) => {
    const { data } = readReply(await probe.sendBytes(bodyOf(LIMITS.frameBytes)))
    expect(Array.isArray(data.users), `an answer to ${LIMITS.frameBytes} bytes`, data)
    await probe.connect().sendUntilClosed(bodyOf(LIMITS.frameBytes + 1))
    expect(Array.isArray((await probe.call('users')).users), 'an answer to others afterwards', undefined)
  }),
  // Last: a broker that adopts such a clock keeps it.
  {
    ...{ ...common, id: 'limits.clock-lead', section: 'clocks-and-timestamps', needs: ['clocks.clock'] },
    says: 'a clock more than 2^20 ahead is answered, but not adopted',
    async check(probe) {
      const before = Number((await probe.call('users')).clock)
      const far = before + 2 ** 40
      const data = await probe.call('users', { clock: far })
      expect(Array.isArray(data.users), 'an answer', data)
      const after = (await probe.call('users')).clock
      expect(Number(data.clock) < far && Number(after) < far, `clocks below ${far}`, [data.clock, after])
    },
  },
]
