/**
 * The client library: calls with retries, batching and several brokers; subscriptions through one or more proxies.
 *
 *     const client = connect({ broker: 'tcp://127.0.0.1:5555', proxy: 'tcp://127.0.0.1:5558' })
 *     await client.call('publish', { user: 'ana', channel: 'music', message: 'hello' })
 *     for await (const { n, message } of client.subscribe('music', { from: 0 })) console.log(n, message)
 */

import { createClock } from '../core/lamport.ts'
import { createMessageLog } from '../platform/message-log.ts'
import { createComplaints } from '../platform/socket-complaints.ts'
import type { Data } from '../protocol/envelope.ts'
import { quote } from '../protocol/errors.ts'
import { HISTORY_DEADLINE_MS, subscribeOrdered } from './ordered.ts'
import { isDirectMessage, topicOf } from './pages.ts'
import { createRequests } from './requests.ts'
import { createSubscriptions } from './subscriptions.ts'
import type { Client, ClientOptions, OfUser, SubscribeOptions } from './types.ts'
import { endedBy } from './waiting.ts'

export type { Data } from '../protocol/envelope.ts'
export { CallError } from './error.ts'
export type * from './types.ts'

/**
 * Makes a client. It connects by itself, now and whenever a connection breaks; nothing has to be there yet.
 * @throws {TypeError} when an endpoint is none
 */
export function connect(options: ClientOptions): Client {
  const brokers = endpoints(options.broker, 'broker')
  const proxies = endpoints(options.proxy ?? [], 'proxy')
  if (brokers.length === 0) throw new TypeError('connect needs at least one broker')
  const clock = createClock()
  const complain = createComplaints(options.log)
  const messages = createMessageLog(options.log)
  const requests = createRequests(brokers, clock, complain, messages)
  const subscriptions = createSubscriptions(proxies, clock, complain, messages)
  const ending = new AbortController()
  let closing: Promise<void> | null = null

  const ask = (data: Data, signal: AbortSignal): Promise<Data> =>
    requests.call('history', data, { signal, deadlineMs: HISTORY_DEADLINE_MS })
  const subscribe = (of: string | OfUser, { from, signal }: SubscribeOptions = {}) => {
    if (proxies.length === 0) throw new TypeError('subscribe needs a proxy: connect({ broker, proxy })')
    if (ending.signal.aborted) throw new TypeError('the client is closed')
    const topic = topicOf(of)
    if (typeof topic !== 'string') throw new TypeError('subscribe needs a channel, a topic, or { user }')
    if (from !== undefined && from !== 'last' && !(Number.isSafeInteger(from) && from >= 0))
      throw new TypeError(`from must be a position, 0 or more, or 'last', got ${quote(from)}`)
    const ended = endedBy(signal, ending.signal)
    if (from !== undefined) return subscribeOrdered({ ask, listen: subscriptions.listen, complain }, of, from, ended)
    return subscriptions.subscribe(topic, ended, typeof of === 'string' ? undefined : isDirectMessage)
  }
  const shutDown = async (graceMs: number): Promise<void> => {
    ending.abort()
    subscriptions.close()
    await requests.close(graceMs)
  }
  return {
    // Servers check requests, and what they answer follows from the same definitions as these types.
    call: requests.call as Client['call'],
    subscribe: subscribe as Client['subscribe'],
    get clock() {
      return clock.now
    },
    close(graceMs = 5000) {
      closing ??= shutDown(graceMs)
      return closing
    },
  }
}

/** What ZeroMQ connects to; its own message for anything else is "Invalid argument". */
const ENDPOINT = /^(?:tcp:\/\/\S+:\d{1,5}|(?:ipc|inproc):\/\/\S+)$/

function endpoints(given: string | readonly string[], name: string): string[] {
  const urls = [given].flat()
  for (const url of urls)
    if (typeof url !== 'string' || !ENDPOINT.test(url))
      throw new TypeError(`${name} must be an endpoint like tcp://127.0.0.1:5555, got ${quote(url)}`)
  return urls
}
