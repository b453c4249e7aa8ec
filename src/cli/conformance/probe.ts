/** What a rule has in its hands: requests to the broker, publications from the proxy, and names of its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { encode } from '../../protocol/codec.ts'
import { type Data, isMap } from '../../protocol/envelope.ts'
import { type Connection, type Listener, openConnection, openListener, tryDecode } from './connection.ts'
import { Deviation, describe, expect } from './rule.ts'

/** A reply as it came: all is unknown, since the broker may be anybody's. */
export type Reply = { service?: unknown; id?: unknown; data: Data }

export type Probe = {
  /** Whether a reply said "not now": what was seen since says nothing of the rule. */
  readonly disturbed: boolean
  /** A name that nobody else has, the same for the same word throughout a rule. */
  name(word: string): string
  /** Sends an envelope or a batch; gives the decoded reply. @throws {Deviation} when none comes or it is no MessagePack */
  send(body: unknown): Promise<unknown>
  /** The same with bytes. */
  sendBytes(body: Uint8Array): Promise<unknown>
  /** Sends a request with a timestamp and a Lamport clock, over whichever is given; gives its reply. */
  ask(service: string, data?: Data, more?: Data): Promise<Reply>
  /** The same; gives only the reply's data. */
  call(service: string, data?: Data, more?: Data): Promise<Data>
  /** A connection of its own. */
  connect(): Connection
  /** Subscribes; it is closed after the rule. */
  listen(...topics: string[]): Listener
  /** Does something again and again until a condition holds. @returns whether it did in time */
  repeat(action: () => Promise<unknown>, until: () => boolean): Promise<boolean>
  /** Ends the rule: everything that it opened is closed, and its further requests fail. */
  close(): void
}

const REPEAT_MS = 100
const MOST_REPEATS = 100

/**
 * @param unique begins all names of a run
 * @param clock the Lamport clock, shared by all rules
 */
export function createProbe(
  { broker, proxy }: { broker: string; proxy: string | null },
  unique: string,
  clock: { value: number },
): Probe {
  const opened: { close(): void }[] = []
  const keep = <T extends { close(): void }>(one: T): T => {
    opened.push(one)
    return one
  }
  let connection: Connection | null = null
  let closed = false
  let disturbed = false
  const connect = (): Connection =>
    keep(openConnection(broker, (frames) => (disturbed ||= saysNotNow(tryDecode(frames.at(-1)!)))))
  const probe: Probe = {
    get disturbed() {
      return disturbed
    },
    connect,
    name: (word) => `${unique}-${word}`,
    send: (body) => probe.sendBytes(encode(body)),
    async sendBytes(body) {
      connection ??= connect()
      const frames = await connection.exchange(body)
      const value = tryDecode(frames.at(-1)!)
      expect(value !== undefined, 'a reply in MessagePack', frames.at(-1))
      return value
    },
    async ask(service, data = {}, more = {}) {
      const sent = { timestamp: Date.now(), clock: ++clock.value, ...data }
      const reply = readReply(await probe.send({ service, ...more, data: sent }))
      if (Number.isSafeInteger(reply.data.clock)) clock.value = Math.max(clock.value, Number(reply.data.clock))
      return reply
    },
    call: async (service, data, more) => (await probe.ask(service, data, more)).data,
    listen: (...topics) => keep(openListener(proxy!, topics, `${unique}-${opened.length}`)),
    async repeat(action, until) {
      for (let count = 0; count < MOST_REPEATS && !until() && !closed; count++) {
        await action()
        await sleep(REPEAT_MS)
      }
      return until()
    },
    close() {
      closed = true
      for (const one of opened) one.close()
    },
  }
  return probe
}

/** A cluster that is changing its view, or a read that could not be sure. */
function saysNotNow(reply: unknown): boolean {
  if (Array.isArray(reply)) return reply.some(saysNotNow)
  if (!isMap(reply) || !isMap(reply.data)) return false
  const { status, code, stale } = reply.data
  return stale === true || (status === 'erro' && (code === 'unavailable' || code === 'expelled'))
}

/** An envelope with a map in it. @throws {Deviation} */
export function readReply(value: unknown): Reply {
  if (isMap(value) && isMap(value.data)) return { ...value, data: value.data }
  throw new Deviation('a reply {service, data: {…}}', describe(value))
}
