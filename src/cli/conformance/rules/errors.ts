/** Errors, and what is refused with which code. */
import { encode } from '../../../protocol/codec.ts'
import type { Data } from '../../../protocol/envelope.ts'
import { ERROR_CODES, type ErrorCode, isRetriable, readCode } from '../../../protocol/errors.ts'
import { type Probe, readReply } from '../probe.ts'
import { expect, type Rule } from '../rule.ts'

const needs = ['envelope.reply']
const common = { section: 'errors', level: 'full', needs } as const

/** Refusals of several kinds, one after the other. */
async function refusals(probe: Probe): Promise<Data[]> {
  const [user, channel] = ['ana', 'samba'].map(probe.name) as [string, string]
  await probe.call('login', { user })
  await probe.call('channel', { channel })
  return [
    await probe.call('channel', { channel }),
    await probe.call('publish', { user, channel: probe.name('nowhere'), message: 'x' }),
    await probe.call('message', { src: user, dst: probe.name('nobody'), message: 'x' }),
    await probe.call(probe.name('no-service')),
    await probe.call('login', { user: 7 }),
  ]
}

export function expectCode(data: Data, code: ErrorCode): void {
  expect(data.status === 'erro' && data.code === code, `status "erro" and code "${code}"`, data)
}

/** A rule that one request is refused with one code. */
const refused = (id: string, code: ErrorCode, says: string, send: (probe: Probe) => Promise<Data>): Rule => ({
  ...common,
  ...{ id: `errors.${id}`, says: `${says} is refused with \`${code}\`` },
  check: async (probe) => expectCode(await send(probe), code),
})

/** Sends something that is no good envelope; gives the data of the one envelope that comes back. */
const sendRaw = async (probe: Probe, body: Uint8Array): Promise<Data> => readReply(await probe.sendBytes(body)).data

export const ERROR_RULES: readonly Rule[] = [
  {
    ...{ ...common, id: 'errors.fields' },
    says: 'an error has `code`, `description`, the same as `message`, and `retriable`',
    async check(probe) {
      for (const data of await refusals(probe)) {
        const { status, code, description, message, retriable } = data
        expect(status === 'erro' && typeof code === 'string', 'status "erro" and a code', data)
        const texts = typeof description === 'string' && description !== '' && message === description
        expect(texts, 'a description, and the same as message', data)
        expect(typeof retriable === 'boolean', 'retriable true or false', data)
      }
    },
  },
  {
    ...{ ...common, id: 'errors.codes', needs: ['errors.fields'] },
    says: 'codes are from the closed list, and `retriable` is what the list says',
    async check(probe) {
      for (const { code, retriable } of await refusals(probe)) {
        const known = readCode(code)
        expect(known !== null, `one of ${ERROR_CODES.join(', ')}`, code)
        expect(retriable === isRetriable(known), `retriable ${isRetriable(known)} with ${known}`, retriable)
      }
    },
  },
  {
    ...{ ...common, id: 'errors.quoting', needs: ['errors.fields'] },
    says: 'rejected text comes back shortened, and without control characters',
    async check(probe) {
      const { description } = await probe.call('login', { user: `\u001b[2J\n${'x'.repeat(1000)}` })
      const isSafe = typeof description === 'string' && description.length < 400 && !/\p{Cc}/u.test(description)
      expect(isSafe, 'a description of less than 400 characters, none of them a control', description)
    },
  },
  refused('unknown-service', 'unknown_service', 'a service that there is not', (probe) =>
    probe.call(probe.name('no-service')),
  ),
  refused('unknown-channel', 'unknown_channel', 'publishing in a channel that does not exist', (probe) =>
    probe.call('publish', { user: probe.name('ana'), channel: probe.name('nowhere'), message: 'x' }),
  ),
  refused('unknown-user', 'unknown_user', 'a message to somebody who never logged in', (probe) =>
    probe.call('message', { src: probe.name('ana'), dst: probe.name('nobody'), message: 'x' }),
  ),
  refused('already-exists', 'already_exists', 'a channel that exists', async (probe) => {
    await probe.call('channel', { channel: probe.name('samba') })
    return probe.call('channel', { channel: probe.name('samba') })
  }),
  refused('reserved-name', 'reserved_name', 'a name that begins with `replica` or `servers`', (probe) =>
    probe.call('login', { user: 'replica/1' }),
  ),
  refused('missing-field', 'bad_request', 'a request without a field that it needs', (probe) => probe.call('login')),
  refused('wrong-type', 'bad_request', 'a name that is a number', (probe) => probe.call('login', { user: 7 })),
  refused('no-map', 'bad_request', 'a body that is no map', (probe) => sendRaw(probe, encode(7))),
  refused('no-service', 'bad_request', 'an envelope without a service', (probe) =>
    sendRaw(probe, encode({ data: {} })),
  ),
  refused('data-no-map', 'bad_request', 'data that is no map', (probe) =>
    sendRaw(probe, encode({ service: 'users', data: [] })),
  ),
  refused('malformed', 'bad_request', 'a frame that is no MessagePack', (probe) =>
    sendRaw(probe, Buffer.from('{"service":"users"}')),
  ),
  refused('truncated', 'bad_request', 'a document that ends too early', (probe) =>
    sendRaw(probe, encode({ service: 'users', data: {} }).subarray(0, -1)),
  ),
  refused('trailing', 'bad_request', 'a document with bytes behind it', (probe) =>
    sendRaw(probe, Buffer.concat([encode({ service: 'users', data: {} }), encode(1)])),
  ),
  refused('not-utf8', 'bad_request', 'text that is not UTF-8', (probe) => {
    const body = Buffer.from(encode({ service: 'login', data: { user: 'a?' } }))
    body[body.indexOf('?')] = 0xff
    return sendRaw(probe, body)
  }),
]
