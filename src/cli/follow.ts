/** Following what is being said: one channel, all of them, or what is said to a user. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, type Client, type Data, type Subscription } from '../client/client.ts'
import { endedBy, pause } from '../client/waiting.ts'
import { loadConfig } from '../platform/config.ts'
import { Failure } from './failure.ts'
import { say } from './output.ts'
import { probe } from './probe.ts'

/** Everything after a position, or from now on without a gap; undefined: from now on, as it comes. */
export type From = number | 'last' | undefined

export type Follow = {
  client: Client
  from: From
  show(event: Data): void
  /** Told once it would hear what is said from then on. */
  onReady(): void
  signal: AbortSignal
}

/** Until the signal. @throws {Failure} when there is no such channel, which would stay silent for ever */
export async function followChannel(follow: Follow, channel: string): Promise<void> {
  if (!(await channelsOf(follow.client)).includes(channel))
    throw new Failure(
      `there is no channel ${JSON.stringify(channel)} — npx compasso channels lists them, npx compasso channel NAME creates one`,
    )
  await read(follow, subscribe(follow, channel, follow.from), follow.onReady)
}

/** Until the signal. @throws {Failure} when there is no such user */
export async function followUser(follow: Follow, user: string): Promise<void> {
  const { users } = await follow.client.call('users', {})
  if (!users.includes(user))
    throw new Failure(`there is no user ${JSON.stringify(user)} — npx compasso users lists them`)
  await read(follow, subscribe(follow, { user }, follow.from), follow.onReady)
}

/** How often to look for new channels. */
const LOOK_MS = 2000

/** All channels that there are and will be, until the signal; of a new one also what was said before it was found. */
export async function followAll(follow: Follow): Promise<void> {
  const { client, signal } = follow
  const followed = new Set<string>()
  const ended = endedBy(signal)
  let failure: unknown = null
  const add = (channel: string, from: From): Promise<void> =>
    new Promise((resolve) => {
      followed.add(channel)
      const subscription = subscribe({ ...follow, signal: ended.signal }, channel, from)
      read(follow, subscription, resolve)
        .catch((error) => {
          failure ??= error
          ended.abort()
        })
        // One that could not begin is not waited for.
        .finally(resolve)
    })
  await Promise.all((await channelsOf(client)).map((channel) => add(channel, follow.from)))
  if (!ended.signal.aborted) follow.onReady()
  while (!ended.signal.aborted) {
    await pause(LOOK_MS, ended.signal)
    if (ended.signal.aborted) break
    for (const channel of await channelsOrNone(client)) if (!followed.has(channel)) void add(channel, 0)
  }
  if (failure !== null) throw failure
}

function subscribe({ client, signal }: Follow, of: string | { user: string }, from: From): Subscription {
  return client.subscribe(of, from === undefined ? { signal } : { from, signal })
}

async function read(follow: Follow, subscription: Subscription, onReady: () => void): Promise<void> {
  subscription.ready.then(onReady, () => {})
  let missed = 0
  for await (const event of subscription) {
    follow.show(event)
    if (subscription.missed === missed) continue
    say(
      `${subscription.missed - missed} messages were dropped, they came faster than they were read — history has them`,
    )
    missed = subscription.missed
  }
}

const channelsOf = async (client: Client): Promise<readonly string[]> => (await client.call('channels', {})).channels

/** The channels, or none while the cluster cannot say. */
async function channelsOrNone(client: Client): Promise<readonly string[]> {
  try {
    return await channelsOf(client)
  } catch (error) {
    if (error instanceof CallError && error.retriable) return []
    throw error
  }
}

const WATCH_MS = 3000

/** Says when the proxy is gone, and when it is back: in between nothing can come. */
export async function watchProxy(signal: AbortSignal): Promise<void> {
  const { proxyOutUrls } = loadConfig()
  for (let here = true; !signal.aborted; ) {
    await sleep(WATCH_MS, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted) return
    const there = (await Promise.all(proxyOutUrls.map(probe))).includes('there')
    if (there !== here) say(there ? 'the proxy is back' : `no proxy at ${proxyOutUrls.join(', ')} any more — waiting`)
    here = there
  }
}
