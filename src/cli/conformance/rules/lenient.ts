/** What is accepted besides the plain form: how programs in other languages, and of other times, send. */
import { encode } from '../../../protocol/codec.ts'
import { type Data, isMap } from '../../../protocol/envelope.ts'
import { type Probe, readReply } from '../probe.ts'
import { expect, type Rule } from '../rule.ts'

const common = { section: 'what-is-accepted-besides', level: 'full', needs: ['envelope.reply'] } as const
const rule = (id: string, says: string, check: Rule['check']): Rule => ({
  ...common,
  ...{ id: `lenient.${id}`, says, check },
})

/** A request is understood when it logs in whom it should. */
async function expectLogin(probe: Probe, body: Uint8Array, user: string, what: string): Promise<void> {
  const { data } = readReply(await probe.sendBytes(body))
  expect(data.status === 'sucesso', `status "sucesso" with ${what}`, data)
  const { users } = await probe.call('users')
  expect(Array.isArray(users) && users.includes(user), `"${user}" among the users`, users)
}

/** The same with fields of the data given as they are. */
async function expectFields(probe: Probe, forms: readonly [what: string, fields: Data][]): Promise<void> {
  for (const [index, [what, fields]] of forms.entries()) {
    const user = probe.name(`ana${index}`)
    await expectLogin(probe, encode({ service: 'login', data: { user, ...fields } }), user, what)
  }
}

const NOW = new Date()
const TIMESTAMPS: readonly [string, Data][] = [
  ['no timestamp', {}],
  ['nil as timestamp', { timestamp: null }],
  ['whole seconds', { timestamp: Math.floor(NOW.getTime() / 1000) }],
  ['seconds with a fraction', { timestamp: NOW.getTime() / 1000 + 0.0001 }],
  ['milliseconds', { timestamp: NOW.getTime() }],
  ['ISO text', { timestamp: NOW.toISOString() }],
  ['a MessagePack timestamp', { timestamp: NOW }],
]

/** MessagePack in its widest forms, and whole numbers as floats if asked for. */
function widest(value: unknown, floats = false): Uint8Array {
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    return Buffer.concat([header(0xdb, text.length), text])
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9)
    bytes[0] = floats ? 0xcb : 0xd3
    if (floats) bytes.writeDoubleBE(value, 1)
    else bytes.writeBigInt64BE(BigInt(value), 1)
    return bytes
  }
  if (!isMap(value)) return encode(value)
  const pairs = Object.entries(value).flatMap(([key, inner]) => [widest(key), widest(inner, floats)])
  return Buffer.concat([header(0xdf, pairs.length / 2), ...pairs])
}

function header(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = type
  bytes.writeUInt32BE(length, 1)
  return bytes
}

export const LENIENT_RULES: readonly Rule[] = [
  rule('timestamps', 'a timestamp may have any form, or be missing', (probe) => expectFields(probe, TIMESTAMPS)),
  rule('clock', 'a clock may be missing, nil, 0, or its digits as text', (probe) =>
    expectFields(probe, [
      ['no clock', {}],
      ['nil as clock', { clock: null }],
      ['a clock of 0', { clock: 0 }],
      ['a clock of "3"', { clock: '3' }],
    ]),
  ),
  rule('clock-float', 'a clock may be a float without a fraction', async (probe) => {
    const user = probe.name('ana')
    const body = widest({ service: 'login', data: { user, clock: 3, timestamp: 1763690000 } }, true)
    await expectLogin(probe, body, user, 'a clock of 3.0')
  }),
  rule('widths', 'numbers, texts and maps may have any of MessagePack’s widths', async (probe) => {
    const user = probe.name('ana')
    await expectLogin(probe, widest({ service: 'login', data: { user, clock: 3 } }), user, '32-bit lengths')
  }),
  rule('bin', 'text may come as bin', async (probe) => {
    const user = probe.name('João')
    const body = encode({ service: Buffer.from('login'), data: { user: Buffer.from(user) } })
    await expectLogin(probe, body, user, 'bin for text')
  }),
  rule('no-data', 'data may be missing or nil where nothing is needed', async (probe) => {
    for (const body of [{ service: 'users' }, { service: 'users', data: null }]) {
      const { data } = readReply(await probe.send(body))
      expect(Array.isArray(data.users), 'a list of users', data)
    }
  }),
  rule('more-fields', 'fields that nobody knows are ignored', async (probe) => {
    const user = probe.name('ana')
    const data = { user, channel: '', message: '', version: 2, extra: { list: [1, null, true] } }
    await expectLogin(probe, encode({ service: 'login', ttl: 3, type: 'request', data }), user, 'more fields')
  }),
  rule('from-to', '`from` and `to` are `src` and `dst`', async (probe) => {
    const [from, to] = ['ana', 'rui'].map(probe.name)
    for (const user of [from, to]) await probe.call('login', { user })
    const { status } = await probe.call('message', { from, to, message: 'olá' })
    expect(status === 'OK', 'status "OK"', status)
  }),
  rule('aliases', '`register_user` is `login`, `list_channels` is `channels`', async (probe) => {
    const { service, data } = await probe.ask('register_user', { user: probe.name('ana') })
    expect(service === 'register_user' && data.status === 'sucesso', 'status "sucesso"', { service, data })
    const listed = await probe.call('list_channels')
    expect(Array.isArray(listed.channels), 'a list of channels', listed)
  }),
]
