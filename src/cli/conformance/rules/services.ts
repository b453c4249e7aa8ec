/** What the services say besides what the course asks for. */
import type { Data } from '../../../protocol/envelope.ts'
import type { Probe } from '../probe.ts'
import { expect, NotApplicable, type Rule } from '../rule.ts'

const rule = (id: string, needs: readonly string[], says: string, check: Rule['check']): Rule => ({
  ...{ id, section: 'services', level: 'full', needs, says, check },
})

/** Says some things in a channel of its own, one after the other. */
async function fill(probe: Probe, count: number): Promise<{ channel: string; texts: string[] }> {
  const [user, channel] = ['ana', 'samba'].map(probe.name) as [string, string]
  await probe.call('login', { user })
  await probe.call('channel', { channel })
  const texts = Array.from({ length: count }, (_, index) => `line ${index}`)
  for (const message of texts) await probe.call('publish', { user, channel, message })
  return { channel, texts }
}

/** A page of history: its positions and texts. */
async function page(probe: Probe, request: Data): Promise<{ positions: number[]; texts: unknown[]; next: unknown }> {
  const data = await probe.call('history', request)
  expect(Array.isArray(data.items), 'items', data)
  const items = data.items as Data[]
  return { positions: items.map(({ n }) => Number(n)), texts: items.map(({ message }) => message), next: data.next }
}

/** A service that need not be there: where there is none, the rule is skipped. */
async function callIfThere(probe: Probe, service: string, request: Data): Promise<Data> {
  const data = await probe.call(service, request)
  if (data.code === 'unknown_service') throw new NotApplicable(`there is no service ${service}`)
  return data
}

const computes = (service: string, says: string, request: Data, isRight: (data: Data) => boolean): Rule =>
  rule(`service.${service}`, ['envelope.reply'], says, async (probe) => {
    const data = await callIfThere(probe, service, request)
    expect(isRight(data), says, data)
  })

export const MORE_SERVICE_RULES: readonly Rule[] = [
  {
    ...{ id: 'clocks.milliseconds', section: 'clocks-and-timestamps', level: 'full', needs: ['clocks.timestamp'] },
    says: 'the timestamp of a reply is in whole milliseconds',
    async check(probe) {
      const { timestamp } = await probe.call('users')
      expect(Number.isSafeInteger(timestamp) && Number(timestamp) > 1e12, 'whole milliseconds', timestamp)
    },
  },
  rule('login.again', ['login'], 'a user who exists logs in again', async (probe) => {
    const user = probe.name('ana')
    await probe.call('login', { user })
    const { status } = await probe.call('login', { user })
    expect(status === 'sucesso', 'status "sucesso"', status)
  }),
  rule('channels.both', ['channels'], 'channels has the same list as `channels` and as `users`', async (probe) => {
    const data = await probe.call('channels')
    const isSame = Array.isArray(data.channels) && JSON.stringify(data.channels) === JSON.stringify(data.users)
    expect(isSame, 'the same list under both names', data)
  }),
  rule(
    'history',
    ['publish'],
    'history gives what was published, oldest first, with rising positions',
    async (probe) => {
      const { channel, texts } = await fill(probe, 5)
      const all = await page(probe, { channel })
      expect(String(all.texts) === String(texts), String(texts), all.texts)
      expect(
        all.positions.every((n, index) => index === 0 || n > all.positions[index - 1]!),
        'rising positions',
        all.positions,
      )
      expect(all.next === null, 'next null on the last page', all.next)
    },
  ),
  rule('history.pages', ['history'], 'history has pages, by `limit` with `before` or `after`', async (probe) => {
    const { channel, texts } = await fill(probe, 5)
    for (const [key, start] of [
      ['before', undefined],
      ['after', 0],
    ] as const) {
      const read: unknown[] = []
      let from: unknown = start
      for (let count = 0; count < 50 && from !== null; count++) {
        const { texts: some, next } = await page(probe, {
          channel,
          limit: 2,
          ...(from === undefined ? {} : { [key]: from }),
        })
        expect(some.length <= 2, 'at most 2 items', some)
        if (key === 'before') read.unshift(...some)
        else read.push(...some)
        from = next
      }
      expect(String(read) === String(texts), `${texts} by \`${key}\``, read)
    }
  }),
  rule(
    'history.direct',
    ['message'],
    'history gives a user’s direct messages, with one other user if asked',
    async (probe) => {
      const [ana, rui, eva] = ['ana', 'rui', 'eva'].map(probe.name) as [string, string, string]
      for (const user of [ana, rui, eva]) await probe.call('login', { user })
      for (const [src, dst] of [
        [ana, rui],
        [rui, ana],
        [eva, ana],
      ] as const)
        await probe.call('message', { src, dst, message: `${src} to ${dst}` })
      const all = await page(probe, { user: ana })
      expect(all.texts.length === 3, 'three messages', all.texts)
      const { texts } = await page(probe, { user: ana, with: rui })
      expect(String(texts) === `${ana} to ${rui},${rui} to ${ana}`, 'those of two users', texts)
    },
  ),
  computes('sum', '`sum` of 10 and 5 has result 15', { a: 10, b: 5 }, ({ result }) => result === 15),
  computes('mean', '`mean` of 1, 2 and 6 has result 3', { values: [1, 2, 6] }, ({ result }) => result === 3),
  rule(
    'service.search',
    ['envelope.reply'],
    '`search` finds nobody of a name that nobody has: `not_found`',
    async (probe) => {
      const { code } = await callIfThere(probe, 'search', { name: probe.name('nobody') })
      expect(code === 'not_found', 'code "not_found"', code)
    },
  ),
  rule('service.info', ['envelope.reply'], '`info` has server, version, node, os and uptime', async (probe) => {
    const data = await callIfThere(probe, 'info', {})
    for (const field of ['server', 'version', 'node', 'os'])
      expect(typeof data[field] === 'string', `text as ${field}`, data)
    expect(typeof data.uptime === 'number' && data.uptime >= 0, 'a number of seconds as uptime', data)
  }),
  computes('soma', '`soma` of 10 and "5" has resultado 15', { a: 10, b: '5' }, ({ resultado }) => resultado === 15),
  computes(
    'media',
    '`media` of valores 1, 2 and 6 has resultado 3',
    { valores: [1, 2, 6] },
    ({ resultado }) => resultado === 3,
  ),
]
