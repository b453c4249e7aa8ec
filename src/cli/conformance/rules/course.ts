/** What every server of the course's protocol does: the rules marked ◆ in the design. They depend on nothing else. */
import { readClock, readTimestamp } from '../../../protocol/envelope.ts'
import type { Probe, Reply } from '../probe.ts'
import { expect, type Rule } from '../rule.ts'

const level = 'course'

/** A user, a channel and what each service says to them; whatever is answered. */
async function conversation(probe: Probe): Promise<[service: string, reply: Reply][]> {
  const [ana, rui, samba] = ['ana', 'rui', 'samba'].map(probe.name)
  const requests: [string, Record<string, unknown>][] = [
    ['login', { user: ana }],
    ['login', { user: rui }],
    ['users', {}],
    ['channel', { user: ana, channel: samba }],
    ['channel', { user: ana, channel: samba }],
    ['channels', {}],
    ['publish', { user: ana, channel: samba, message: 'olá' }],
    ['publish', { user: ana, channel: probe.name('nowhere'), message: 'olá' }],
    ['message', { src: ana, dst: rui, message: 'olá' }],
    ['message', { src: ana, dst: probe.name('nobody'), message: 'olá' }],
  ]
  const replies: [string, Reply][] = []
  for (const [service, data] of requests) replies.push([service, await probe.ask(service, data)])
  return replies
}

const text = (value: unknown): boolean => typeof value === 'string' && value.length > 0
const has = (list: unknown, name: string): boolean => Array.isArray(list) && list.includes(name)

export const ENVELOPE_RULES: readonly Rule[] = [
  {
    ...{ id: 'envelope.reply', section: 'envelope', level },
    says: 'a request is answered by one frame: a MessagePack map with a map `data`',
    async check(probe) {
      await probe.ask('users')
    },
  },
  {
    ...{ id: 'envelope.service', section: 'envelope', level, needs: ['envelope.reply'] },
    says: 'a reply has the `service` of its request',
    async check(probe) {
      for (const [service, reply] of await conversation(probe))
        expect(reply.service === service, `service "${service}"`, reply.service)
    },
  },
  {
    ...{ id: 'clocks.timestamp', section: 'clocks-and-timestamps', level, needs: ['envelope.reply'] },
    says: 'every reply has a `timestamp`: a number, or text that is a date',
    async check(probe) {
      for (const [service, { data }] of await conversation(probe))
        expect(readTimestamp(data.timestamp) !== null, `a timestamp from ${service}`, data.timestamp)
    },
  },
  {
    ...{ id: 'clocks.clock', section: 'clocks-and-timestamps', level, needs: ['envelope.reply'] },
    says: 'every reply has a `clock`: a whole number from 0',
    async check(probe) {
      for (const [service, { data }] of await conversation(probe))
        expect(typeof data.clock === 'number' && readClock(data.clock) !== null, `a clock from ${service}`, data.clock)
    },
  },
  {
    ...{ id: 'clocks.after-request', section: 'clocks-and-timestamps', level, needs: ['clocks.clock'] },
    says: 'the clock of a reply is above that of its request',
    async check(probe) {
      const before = Number((await probe.call('users')).clock)
      const sent = before + 1000
      const { clock } = await probe.call('users', { clock: sent })
      expect(Number(clock) > sent, `a clock above ${sent}`, clock)
    },
  },
  {
    ...{ id: 'clocks.rises', section: 'clocks-and-timestamps', level, needs: ['clocks.clock'] },
    says: 'each reply to one client has a higher clock than the one before, whatever the client sends',
    async check(probe) {
      let last = -1
      for (let count = 0; count < 3; count++) {
        const { clock } = await probe.call('users', { clock: 0 })
        expect(Number(clock) > last, `a clock above ${last}`, clock)
        last = Number(clock)
      }
    },
  },
]

export const SERVICE_RULES: readonly Rule[] = [
  {
    ...{ id: 'login', section: 'services', level, needs: ['envelope.reply'] },
    says: 'login is answered with status "sucesso"',
    async check(probe) {
      const data = await probe.call('login', { user: probe.name('ana') })
      expect(data.status === 'sucesso', 'status "sucesso"', data)
    },
  },
  {
    ...{ id: 'users', section: 'services', level, needs: ['envelope.reply'] },
    says: 'users lists who logged in',
    async check(probe) {
      const names = ['ana', 'João'].map(probe.name)
      for (const user of names) await probe.call('login', { user })
      const { users } = await probe.call('users')
      for (const user of names) expect(has(users, user), `"${user}" among the users`, users)
    },
  },
  {
    ...{ id: 'channel', section: 'services', level, needs: ['envelope.reply'] },
    says: 'channel is answered with status "sucesso"',
    async check(probe) {
      const data = await probe.call('channel', { channel: probe.name('samba') })
      expect(data.status === 'sucesso', 'status "sucesso"', data)
    },
  },
  {
    ...{ id: 'channel.again', section: 'services', level, needs: ['envelope.reply'] },
    says: 'a channel that exists is refused with status "erro" and a description',
    async check(probe) {
      const channel = probe.name('samba')
      await probe.call('channel', { channel })
      const data = await probe.call('channel', { channel })
      expect(data.status === 'erro' && text(data.description), 'status "erro" and a description', data)
    },
  },
  {
    ...{ id: 'channels', section: 'services', level, needs: ['envelope.reply'] },
    says: 'channels lists what was created, as `channels` or as `users`',
    async check(probe) {
      const channel = probe.name('samba')
      await probe.call('channel', { channel })
      const data = await probe.call('channels')
      expect(has(data.channels, channel) || has(data.users, channel), `"${channel}" among the channels`, data)
    },
  },
  {
    ...{ id: 'publish', section: 'services', level, needs: ['envelope.reply'] },
    says: 'publish is answered with status "OK"',
    async check(probe) {
      const [user, channel] = ['ana', 'samba'].map(probe.name)
      await probe.call('login', { user })
      await probe.call('channel', { channel })
      const data = await probe.call('publish', { user, channel, message: 'olá' })
      expect(data.status === 'OK', 'status "OK"', data)
    },
  },
  {
    ...{ id: 'publish.unknown', section: 'services', level, needs: ['envelope.reply'] },
    says: 'publishing in a channel that does not exist is refused with status "erro" and a message',
    async check(probe) {
      const request = { user: probe.name('ana'), channel: probe.name('nowhere'), message: 'olá' }
      const data = await probe.call('publish', request)
      expect(data.status === 'erro' && text(data.message), 'status "erro" and a message', data)
    },
  },
  {
    ...{ id: 'message', section: 'services', level, needs: ['envelope.reply'] },
    says: 'message is answered with status "OK"',
    async check(probe) {
      const [src, dst] = ['ana', 'rui'].map(probe.name)
      for (const user of [src, dst]) await probe.call('login', { user })
      const data = await probe.call('message', { src, dst, message: 'olá' })
      expect(data.status === 'OK', 'status "OK"', data)
    },
  },
  {
    ...{ id: 'message.unknown', section: 'services', level, needs: ['envelope.reply'] },
    says: 'a message to somebody who never logged in is refused with status "erro" and a message',
    async check(probe) {
      const request = { src: probe.name('ana'), dst: probe.name('nobody'), message: 'olá' }
      const data = await probe.call('message', request)
      expect(data.status === 'erro' && text(data.message), 'status "erro" and a message', data)
    },
  },
]
