/** What the menu offers. Most of it is a service: its schema says what to ask. */
import type { Data } from '../client/client.ts'
import { describeEvent } from './events.ts'
import { type Field, inOrder, knownService, readValue } from './fields.ts'
import { followChannel } from './follow.ts'
import type { Entry, Menu, MenuContext } from './menu.ts'
import { findTrack, printPlays, printTop, printTracks } from './music.ts'
import { print } from './output.ts'
import { printReply, show } from './reply.ts'

/** A call may take this long before the menu is there again. */
const DEADLINE_MS = 5000

type ServiceEntry = {
  service: string
  /** What it is called in the menu; default: as the service. */
  name?: string
  /** What it does; default: the service's own summary. */
  about?: string
  /** The fields to ask for; by default all that must be given, except who is asking. */
  ask?: Readonly<Record<string, 'must' | 'may'>>
  /** Fields that nobody has to type. */
  own?: readonly string[]
  /** How to show the reply, default field by field. */
  show?(reply: Data): void
}

function service({
  service: id,
  name = id,
  about,
  ask,
  own = ['user', 'src'],
  show: display = printReply,
}: ServiceEntry): Entry {
  const known = knownService(id)!
  const isOwn = (field: Field): boolean => own.includes(field.name)
  const toAsk = inOrder(known.fields).flatMap((field) => {
    const need = ask === undefined ? (field.required && !isOwn(field) ? 'must' : undefined) : ask[field.name]
    return need === undefined ? [] : [{ field, need }]
  })
  return {
    name,
    about: about ?? known.summary,
    async run(context) {
      const data: Data = {}
      for (const field of known.fields) if (isOwn(field)) data[field.name] = context.user
      for (const { field, need } of toAsk) {
        const value = await askField(context, id, field, need === 'must')
        if (value === BACK) return
        if (value !== undefined) data[field.name] = value
      }
      display(await context.client.call(id, data, { deadlineMs: DEADLINE_MS }))
    },
  }
}

const BACK = Symbol('back')

/** @returns the value, undefined when one that may be left out was, or BACK */
async function askField({ prompter, client }: MenuContext, id: string, field: Field, must: boolean): Promise<unknown> {
  const { name, description } = field
  const isTrack = name === 'track'
  const what = isTrack ? 'its id, or words of title and artist' : description
  const about = what === '' ? name : `${name}: ${what}`
  const answer = await prompter.ask(
    `${about} (Enter ${must ? 'goes back' : 'leaves it out'})`,
    // Words that name a track are looked up instead.
    (text) => (isTrack ? null : whatIsWrong(id, field, text)),
  )
  if (answer === null || (answer === '' && must)) return BACK
  if (answer === '') return undefined
  return isTrack ? (await findTrack(client, answer)).id : readValue(field, answer)
}

/** By the rules of the servers, before anything is sent. */
function whatIsWrong(id: string, field: Field, text: string): string | null {
  const result = knownService(id)!.schema.safeParse({ [field.name]: readValue(field, text) })
  if (result.success) return null
  const issue = result.error.issues.find(({ path }) => path[0] === field.name)
  return issue === undefined ? null : issue.message
}

const listen: Entry = {
  name: 'listen',
  about: 'Shows what is being said in a channel, live.',
  async run({ client, prompter }) {
    const channel = await prompter.ask('channel (Enter goes back)', () => null)
    if (channel === null || channel === '') return
    const ended = new AbortController()
    const ready = new AbortController()
    const following = followChannel(
      {
        client,
        from: undefined,
        show: (event) => print(describeEvent(event)),
        onReady: () => {
          print(`listening to ${show(channel)}; Enter ends`)
          ready.abort()
        },
        signal: ended.signal,
      },
      channel,
    )
    const started = new Promise<void>((resolve) => ready.signal.addEventListener('abort', () => resolve()))
    // Either it begins, or it is said that there is no such channel.
    await Promise.race([started, following])
    try {
      await Promise.race([prompter.enter(ended.signal), following])
    } finally {
      ended.abort()
    }
    await following
  },
}

/** Who is asking from then on. */
const login: Entry = {
  name: 'login',
  about: 'Logs you in, so that others can write to you.',
  async run(context) {
    const field = knownService('login')!.fields[0]!
    const question = `your name (Enter: ${context.user})`
    const answer = await context.prompter.ask(question, (text) => whatIsWrong('login', field, text))
    if (answer === null) return
    const user = answer === '' ? context.user : answer
    await context.client.call('login', { user }, { deadlineMs: DEADLINE_MS })
    context.user = user
    print(`you are ${show(user)} now`)
  },
}

const items = (reply: Data): Data[] => reply.items as Data[]
const showHistory = (reply: Data): void => {
  if (items(reply).length === 0) print('nothing was said there')
  for (const item of items(reply)) print(describeEvent(item))
}
const showTracks = (reply: Data): void => printTracks(reply.tracks as Data[])
const showNames = (field: string) => (reply: Data) => {
  const names = reply[field] as string[]
  if (names.length === 0) print('none yet')
  else printReply({ [field]: names })
}

const chatMenu = (): Menu => ({
  title: 'Chat',
  entries: [
    login,
    service({ service: 'channels', show: showNames('channels') }),
    service({ service: 'channel' }),
    service({ service: 'publish' }),
    listen,
    service({ service: 'history', ask: { channel: 'must' }, own: [], show: showHistory }),
    service({ service: 'users', show: showNames('users') }),
    service({ service: 'message' }),
    service({
      service: 'history',
      name: 'messages',
      about: 'Your direct messages.',
      ask: {},
      own: ['user'],
      show: showHistory,
    }),
  ],
})

const musicMenu = (): Menu => ({
  title: 'Music',
  entries: [
    service({ service: 'catalog', ask: { query: 'may', genre: 'may' }, show: showTracks }),
    service({ service: 'play' }),
    service({ service: 'plays', show: printPlays }),
    service({ service: 'top', show: printTop }),
    service({ service: 'playlist.list', name: 'playlists' }),
    service({ service: 'playlist.get', name: 'show', show: showTracks }),
    service({ service: 'playlist.create', name: 'create' }),
    service({ service: 'playlist.add', name: 'add' }),
    service({ service: 'playlist.remove', name: 'remove' }),
    service({ service: 'playlist.delete', name: 'delete' }),
    service({ service: 'profile.get', name: 'profile' }),
    service({ service: 'profile.set', name: 'set profile', ask: { about: 'may', city: 'may', genre: 'may' } }),
  ],
})

/** The services are asked for their schemas only when the menu is there. */
export const topMenu = (): Menu => ({
  title: 'What would you like to do?',
  entries: [
    service({ service: 'sum' }),
    service({ service: 'mean' }),
    service({ service: 'search' }),
    service({ service: 'info' }),
    { name: 'chat', about: 'Channels, messages, who is there.', menu: chatMenu() },
    { name: 'music', about: 'The catalogue, plays, playlists, profiles.', menu: musicMenu() },
  ],
})
