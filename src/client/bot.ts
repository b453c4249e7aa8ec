/**
 * The automatic client of the course: it logs in under a random name, creates a channel while there are fewer than five,
 * subscribes to up to three, and then for ever picks a channel and sends ten messages to it, now and then one to another
 * user, and plays a track. It shows what it receives. Whatever fails is tried again.
 */
import type { Log } from '../platform/log.ts'
import { readTimestamp } from '../protocol/envelope.ts'
import { createListener } from './bot-music.ts'
import { CallError, type Client, type Data } from './client.ts'
import { pick, type Random, randomChannel, randomText, sample } from './names.ts'
import { pause } from './waiting.ts'

export type BotOptions = {
  client: Client
  log: Log
  name: string
  /** Messages a second. */
  rate: number
  random: Random
  /** Ends the bot. */
  signal: AbortSignal
  /** Told once it is logged in. */
  onReady(): void
}

const CHANNELS_WANTED = 5
const SUBSCRIPTIONS = 3
const MESSAGES_A_ROUND = 10
/** One round in so many ends with a direct message. */
const DIRECT_ROUNDS = 2
/** And one in so many with a track played. */
const MUSIC_ROUNDS = 2
const RETRY_MS = 1000
/** Most received messages a second that are shown at level info; more are only counted. */
const SHOWN_A_SECOND = 5

/** Runs until the signal; never fails. */
export async function runBot(options: BotOptions): Promise<void> {
  const { log, name, signal } = options
  await insist(options, 'login', { user: name })
  log.info({ user: name }, 'logged in')
  options.onReady()
  const show = createDisplay(log)
  void listen(options, name, show)
  const subscribed = new Set<string>()
  const ask = (service: string, data: Data): Promise<Data | null> => insist(options, service, data)
  const listenToMusic = createListener(name, ask, options.random, log)
  while (!signal.aborted) {
    const channels = await someChannels(options)
    for (const channel of sample(channels, SUBSCRIPTIONS - subscribed.size, options.random)) {
      if (subscribed.has(channel)) continue
      subscribed.add(channel)
      void listen(options, channel, show)
    }
    if (channels.length === 0) await pause(RETRY_MS, signal)
    else await chat(options, pick(channels, options.random))
    if (options.random() < 1 / DIRECT_ROUNDS) await writeToSomebody(options)
    if (options.random() < 1 / MUSIC_ROUNDS) await listenToMusic()
  }
}

/** Sends ten messages to a channel, `rate` a second. */
async function chat(options: BotOptions, channel: string): Promise<void> {
  const { log, name, rate, random, signal } = options
  let sent = 0
  for (; sent < MESSAGES_A_ROUND && !signal.aborted; sent++) {
    const message = randomText(random)
    const reply = await insist(options, 'publish', { user: name, channel, message })
    if (reply === null) {
      await pause(RETRY_MS, signal)
      return
    }
    log.debug({ channel, message }, 'published')
    await pause(1000 / rate, signal)
  }
  log.info({ channel, messages: sent }, 'published')
}

/** The channels that there are, with a new one while they are few. */
async function someChannels(options: BotOptions): Promise<string[]> {
  const channels = namesIn(await insist(options, 'channels', {}), 'channels')
  if (channels.length >= CHANNELS_WANTED) return channels
  const channel = randomChannel(options.random)
  if ((await insist(options, 'channel', { channel, user: options.name })) === null) return channels
  options.log.info({ channel }, 'created a channel')
  return [...channels, channel]
}

async function writeToSomebody(options: BotOptions): Promise<void> {
  const { log, name, random } = options
  const others = namesIn(await insist(options, 'users', {}), 'users').filter((user) => user !== name)
  if (others.length === 0) return
  const dst = pick(others, random)
  const reply = await insist(options, 'message', { src: name, dst, message: randomText(random) })
  if (reply !== null) log.info({ to: dst }, 'sent a direct message')
}

/**
 * Asks until there is an answer.
 * @returns null when it was refused for good, or the bot is ending
 */
async function insist(options: BotOptions, service: string, data: Data): Promise<Data | null> {
  const { client, log, signal } = options
  while (!signal.aborted) {
    try {
      return await client.call(service, data)
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      if (signal.aborted) break
      const { code, description } = error
      log.warn({ service, code, description }, error.retriable ? 'no answer yet, trying again' : 'refused')
      if (!error.retriable) return null
      await pause(RETRY_MS, signal)
    }
  }
  return null
}

async function listen(options: BotOptions, topic: string, show: (map: Data) => void): Promise<void> {
  const subscription = options.client.subscribe(topic, { signal: options.signal })
  options.log.info({ topic }, 'subscribed')
  for await (const map of subscription) show(map)
}

/** Shows received messages, with the times they were sent and received, a few a second. */
function createDisplay(log: Log): (map: Data) => void {
  let second = 0
  let shown = 0
  return (map) => {
    const now = Date.now()
    const current = Math.floor(now / 1000)
    if (current !== second) {
      if (shown > SHOWN_A_SECOND) log.info({ messages: shown - SHOWN_A_SECOND }, 'received more in that second')
      second = current
      shown = 0
    }
    const sentAt = readTimestamp(map.timestamp)
    const sent = sentAt === null ? null : new Date(sentAt).toISOString()
    const received = new Date(now).toISOString()
    const direct = map.type === 'message'
    const user = direct ? (map.src ?? map.from) : map.user
    const fields = { user, ...(direct ? {} : { channel: map.channel }), text: map.message, sent, received }
    if (++shown > SHOWN_A_SECOND) log.debug(fields, 'received')
    else log.info(fields, direct ? 'received a direct message' : 'received')
  }
}

function namesIn(reply: Data | null, field: string): string[] {
  const names = reply?.[field]
  return Array.isArray(names) ? names.filter((name): name is string => typeof name === 'string') : []
}
