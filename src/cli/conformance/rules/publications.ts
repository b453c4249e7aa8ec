/** What subscribers get. A foreign proxy does not say when a subscription is there, so things are said until heard. */
import type { Data } from '../../../protocol/envelope.ts'
import { RESERVED_PREFIXES } from '../../../protocol/names.ts'
import { type Listener, mapsIn } from '../connection.ts'
import type { Probe } from '../probe.ts'
import { expect, type Level, type Rule } from '../rule.ts'

const section = 'publications'
const common = { section, proxy: true } as const

/** What was heard on exactly this topic. */
const mapsOn = ({ messages }: Listener, topic: string): Data[] =>
  messages.filter((message) => message.topic === topic).flatMap(({ body }) => mapsIn(body))

type Said = { text: string; message: Listener['messages'][number] }

/** Publishes in a channel until what was said there was heard, on whatever topic. @param what for the report */
async function publishUntilHeard(probe: Probe, listener: Listener, channel: string, what: string): Promise<Said> {
  const user = probe.name('ana')
  await probe.call('login', { user })
  await probe.call('channel', { channel })
  const text = `said in ${channel}.`
  return untilHeard(probe, listener, text, what, () => probe.call('publish', { user, channel, message: text }))
}

/** Sends direct messages to a user until one was heard. */
async function messageUntilHeard(probe: Probe, listener: Listener, dst: string): Promise<Said> {
  const src = probe.name('ana')
  for (const user of [src, dst]) await probe.call('login', { user })
  const text = `said to ${dst}.`
  const say = (): Promise<Data> => probe.call('message', { src, dst, message: text })
  return untilHeard(probe, listener, text, `a message on the topic "${dst}"`, say)
}

async function untilHeard(
  probe: Probe,
  listener: Listener,
  text: string,
  what: string,
  say: () => Promise<Data>,
): Promise<Said> {
  // What our servers tell each other passes through the proxy too, and has all texts in it.
  const isPublic = (topic: string): boolean => !RESERVED_PREFIXES.some((prefix) => topic.startsWith(prefix))
  const find = (): Said['message'] | undefined =>
    listener.messages.find((message) => isPublic(message.topic) && message.text.includes(text))
  await probe.repeat(say, () => find() !== undefined)
  const message = find()
  expect(message !== undefined, what, undefined)
  return { text, message }
}

const rule = (level: Level, id: string, needs: string[], says: string, check: Rule['check']): Rule => ({
  ...common,
  ...{ id: `publications.${id}`, level, needs, says, check },
})

export const PUBLICATION_RULES: readonly Rule[] = [
  rule('course', 'frames', ['publish'], 'a publication has two frames, the second a MessagePack map', async (probe) => {
    const { message } = await publishUntilHeard(probe, probe.listen(''), probe.name('samba'), 'a publication')
    expect(message.frames === 2, 'two frames', message.frames)
    expect(mapsIn(message.body).length > 0, 'a map, or an array of maps', message.body)
  }),
  rule('course', 'topic', ['publications.frames'], 'its first frame is the name of the channel', async (probe) => {
    const channel = probe.name('samba')
    const { message } = await publishUntilHeard(probe, probe.listen(''), channel, 'a publication')
    expect(message.topic === channel, `the topic "${channel}"`, message.topic)
  }),
  rule('course', 'message', ['publications.frames'], 'its map has the text as `message`', async (probe) => {
    const { message, text } = await publishUntilHeard(probe, probe.listen(''), probe.name('samba'), 'a publication')
    const isIt = mapsIn(message.body).some((map) => map.message === text)
    expect(isIt, `message "${text}"`, message.body)
  }),
  rule('course', 'direct', ['message'], 'a direct message goes to the topic of its receiver', async (probe) => {
    const dst = probe.name('rui')
    const { message } = await messageUntilHeard(probe, probe.listen(dst), dst)
    expect(message.topic === dst, `the topic "${dst}"`, message.topic)
  }),
  rule(
    'course',
    'prefix',
    ['publications.topic'],
    'a channel keeps its topic beside one whose name begins alike',
    async (probe) => {
      const [short, long] = [probe.name('sam'), probe.name('samba')]
      const listener = probe.listen(short)
      for (const channel of [long, short]) {
        const { message } = await publishUntilHeard(probe, listener, channel, `a publication in "${channel}"`)
        expect(message.topic === channel, `the topic "${channel}"`, message.topic)
      }
    },
  ),
  rule(
    'full',
    'fields',
    ['publications.topic'],
    'it has type, user, channel, message, timestamp, clock, origin, seq, id',
    async (probe) => {
      const channel = probe.name('samba')
      const listener = probe.listen(channel)
      const { text } = await publishUntilHeard(probe, listener, channel, 'a publication')
      expectFields(mapsOn(listener, channel)[0], {
        type: 'publication',
        user: probe.name('ana'),
        channel,
        message: text,
      })
    },
  ),
  rule(
    'full',
    'direct-fields',
    ['publications.direct'],
    'a direct message has src and dst, also as from and to',
    async (probe) => {
      const [src, dst] = ['ana', 'rui'].map(probe.name) as [string, string]
      const listener = probe.listen(dst)
      const { text } = await messageUntilHeard(probe, listener, dst)
      const names = { src, dst, from: src, to: dst, user: src }
      expectFields(mapsOn(listener, dst)[0], { type: 'message', ...names, message: text })
    },
  ),
  rule('full', 'id', ['publications.topic', 'envelope.id'], 'it carries the id of its request', async (probe) => {
    const [user, channel] = ['ana', 'samba'].map(probe.name) as [string, string]
    const listener = probe.listen(channel)
    await publishUntilHeard(probe, listener, channel, 'a publication')
    const id = probe.name('id')
    await probe.call('publish', { user, channel, message: 'once' }, { id })
    const heard = (): boolean => mapsOn(listener, channel).some((map) => map.id === id)
    await probe.repeat(async () => {}, heard)
    expect(heard(), `a publication with id "${id}"`, mapsOn(listener, channel).at(-1))
  }),
  rule(
    'full',
    'welcome',
    [],
    'a subscriber to servers/welcome/… is told when its subscriptions are known',
    async (probe) => {
      const listener = probe.listen(probe.name('samba'))
      await probe.repeat(
        async () => {},
        () => listener.welcomed,
      )
      expect(listener.welcomed, 'a publication on that topic', undefined)
    },
  ),
]

function expectFields(map: Data | undefined, known: Data): void {
  for (const [field, value] of Object.entries(known)) expect(map?.[field] === value, `${field} "${String(value)}"`, map)
  for (const field of ['timestamp', 'clock', 'seq'])
    expect(Number.isSafeInteger(map?.[field]), `a whole number as ${field}`, map)
  for (const field of ['origin', 'id']) expect(typeof map?.[field] === 'string', `text as ${field}`, map)
}
