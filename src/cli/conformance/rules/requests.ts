/** Ids, batches, and frames: how requests travel. */
import { encode } from '../../../protocol/codec.ts'
import { isMap } from '../../../protocol/envelope.ts'
import { tryDecode } from '../connection.ts'
import { type Probe, readReply } from '../probe.ts'
import { expect, type Rule } from '../rule.ts'
import { expectCode } from './errors.ts'

const needs = ['envelope.reply']
const rule = (
  section: string,
  id: string,
  says: string,
  check: Rule['check'],
  more: readonly string[] = needs,
): Rule => ({
  ...{ id, section, level: 'full', needs: more, says, check },
})

/** Sends a batch; gives the envelopes of its reply. */
async function sendBatch(probe: Probe, batch: readonly unknown[]): Promise<Record<string, unknown>[]> {
  const replies = await probe.send(batch)
  expect(Array.isArray(replies) && replies.length === batch.length, `an array of ${batch.length} replies`, replies)
  return replies.map((reply) => ({ ...readReply(reply) }))
}

const ID_RULES: readonly Rule[] = [
  rule('envelope', 'envelope.id', 'a reply has the `id` of its request, and none if there was none', async (probe) => {
    const id = probe.name('id')
    for (const [service, data] of [
      ['users', {}],
      ['login', { user: 7 }],
    ] as const) {
      const reply = await probe.ask(service, data, { id })
      expect(reply.id === id, `id "${id}"`, reply.id)
    }
    const { id: none } = await probe.ask('users')
    expect(none === undefined || none === null, 'no id', none)
  }),
  rule(
    'ids-and-retries',
    'ids.same-answer',
    'the same id has the same answer, also through another connection',
    async (probe) => {
      const [channel, id] = ['samba', 'id'].map(probe.name)
      const request = { service: 'channel', id, data: { channel } }
      const first = readReply(await probe.send(request)).data.status
      const again = readReply(tryDecode((await probe.connect().exchange(encode(request))).at(-1)!)).data.status
      expect(first === 'sucesso' && again === 'sucesso', '"sucesso" twice', [first, again])
      const other = await probe.call('channel', { channel })
      expect(other.status === 'erro', 'status "erro" for the same channel under another id', other.status)
    },
    ['envelope.id'],
  ),
  rule(
    'ids-and-retries',
    'ids.one-effect',
    'the same id has one effect',
    async (probe) => {
      const [user, channel, id] = ['ana', 'samba', 'id'].map(probe.name)
      await probe.call('login', { user })
      await probe.call('channel', { channel })
      const statuses: unknown[] = []
      for (let count = 0; count < 3; count++)
        statuses.push((await probe.call('publish', { user, channel, message: 'once' }, { id })).status)
      expect(
        statuses.every((status) => status === 'OK'),
        '"OK" three times',
        statuses,
      )
      const { items } = await probe.call('history', { channel })
      expect(Array.isArray(items) && items.length === 1, 'one publication in the history', items)
    },
    ['envelope.id', 'history'],
  ),
]

const BATCH_RULES: readonly Rule[] = [
  rule(
    'envelope',
    'batch.order',
    'the reply to a batch is an array, in the order of the requests',
    async (probe) => {
      const ids = Array.from({ length: 20 }, (_, index) => probe.name(`id${index}`))
      const services = ['users', 'channels']
      const batch = ids.map((id, index) => ({ service: services[index % 2]!, id, data: {} }))
      const replies = await sendBatch(probe, batch)
      const got = replies.map(({ service, id }) => ({ service, id }))
      const expected = batch.map(({ service, id }) => ({ service, id }))
      expect(JSON.stringify(got) === JSON.stringify(expected), 'services and ids in the order of the requests', got)
    },
    ['envelope.id'],
  ),
  rule(
    'envelope',
    'batch.independent',
    'an error in a batch leaves the others alone',
    async (probe) => {
      const channel = probe.name('samba')
      const [ok, wrong, again] = await sendBatch(probe, [
        { service: 'login', data: { user: probe.name('ana') } },
        7,
        { service: 'channel', data: { channel } },
      ])
      const statuses = [ok, wrong, again].map((reply) => (isMap(reply?.data) ? reply.data.status : undefined))
      expect(String(statuses) === 'sucesso,erro,sucesso', '"sucesso", "erro", "sucesso"', statuses)
    },
    ['batch.order'],
  ),
  rule('envelope', 'batch.one', 'a batch of one is answered by an array of one', async (probe) => {
    await sendBatch(probe, [{ service: 'users', data: {} }])
  }),
  rule('envelope', 'batch.empty', 'an empty batch is refused, with a single envelope', async (probe) => {
    expectCode(readReply(await probe.send([])).data, 'bad_request')
  }),
]

const FRAME_RULES: readonly Rule[] = [
  rule(
    'envelope',
    'frames.route',
    'frames that a DEALER puts before the empty one come back with the reply',
    async (probe) => {
      const route = ['one', 'two'].map((text) => Buffer.from(text))
      const frames = await probe.connect().exchange(encode({ service: 'users', data: {} }), route)
      const texts = frames.slice(0, -1).map(String)
      expect(String(texts) === 'one,two,' && frames.length === 4, 'the frames "one", "two" and an empty one', texts)
    },
  ),
  rule(
    'envelope',
    'frames.many',
    'several requests of one connection may be under way at once',
    async (probe) => {
      const connection = probe.connect()
      const tags = ['a', 'b', 'c', 'd'].map((tag) => Buffer.from(tag))
      const body = encode({ service: 'users', data: {} })
      for (const tag of tags) await connection.send(body, [tag])
      const got: string[] = []
      while (got.length < tags.length) got.push(String((await connection.receive())[0]))
      got.sort()
      expect(String(got) === 'a,b,c,d', 'a reply to each', got)
    },
    ['frames.route'],
  ),
]

export const REQUEST_RULES: readonly Rule[] = [...ID_RULES, ...BATCH_RULES, ...FRAME_RULES]
