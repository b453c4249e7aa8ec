/** What users of the library see. */
import type { Data } from '../protocol/envelope.ts'
import type { ServiceTypes } from '../server/services/types.ts'

/** Where the library writes warnings, rarely: a pino logger, or `console`. At level debug also every message. */
export type ClientLog = {
  warn(fields: Record<string, unknown>, text: string): void
  isLevelEnabled?(level: string): boolean
  debug?(fields: Record<string, unknown>, text: string): void
}

export type ClientOptions = {
  /** Endpoints of brokers; the next one is used when one is silent. */
  broker: string | string[]
  /** Endpoints of proxies (all are subscribed to); needed only for `subscribe`. */
  proxy?: string | string[] | undefined
  log?: ClientLog | undefined
}

export type CallOptions = {
  /** Idempotency key: the same id has the same effect and answer however often it is sent. Default: a new ULID. */
  id?: string | undefined
  /** How long to try, milliseconds; may be Infinity. Default 15,000. */
  deadlineMs?: number | undefined
  /** Stops waiting. What was sent may still have its effect. */
  signal?: AbortSignal | undefined
}

/** The services that come with Compasso, by every name that they have. */
export type ServiceName = keyof ServiceTypes
/** What a service takes. One that is not known here, because it is your own, takes any map. */
export type RequestOf<Name extends string> = Name extends ServiceName ? ServiceTypes[Name]['request'] : Data
/** The data of its reply when it succeeds. */
export type ReplyOf<Name extends string> = Name extends ServiceName ? ServiceTypes[Name]['reply'] : Data

/** A message in a channel. */
export type Publication = {
  type: 'publication'
  user: string
  channel: string
  message: string
} & EventFields

/** A message to a user. `from` and `to` repeat `src` and `dst`, `user` is who sent it. */
export type DirectMessage = {
  type: 'message'
  src: string
  dst: string
  from: string
  to: string
  user: string
  message: string
} & EventFields

export type EventFields = {
  /** When its server took it, milliseconds since 1970. */
  timestamp: number
  /** Lamport clock. */
  clock: number
  /** The server that took it, since which view, and which of its events it is. */
  origin: string
  seq: number
  /** Of the request that made it. */
  id: string
}

/** With its position in the order of all events, which is the same on every server. */
export type Positioned<Item> = Item & { n: number }

/** A user's direct messages, those to him or her. */
export type OfUser = { user: string }

/** Ends the subscription, as `close` does. */
export type LiveOptions = { signal?: AbortSignal | undefined; from?: undefined }
export type OrderedOptions = {
  /** Everything with a position above this one, or what comes after the newest that there is now. */
  from: number | 'last'
  signal?: AbortSignal | undefined
}
export type SubscribeOptions = LiveOptions | OrderedOptions

/** Read it with `for await`, by one reader; leaving the loop closes it. */
export type Subscription<Item = Data> = AsyncIterable<Item> & {
  /**
   * Live: resolves when a proxy has confirmed it and told the publishers; what a server is asked to publish after that
   * arrives. With `from`: resolves when the place to begin at is known; everything behind it arrives. Rejects as the
   * first read would (`unknown_channel`, `unknown_user`). Resolves also when it is closed.
   */
  ready: Promise<void>
  /** How many publications were dropped here, oldest first, because they were not read; always 0 with `from`. */
  readonly missed: number
  /** Ends it: whoever reads gets what is there already, and then the end. */
  close(): void
}

export type Client = {
  /**
   * Sends a request, again if need be, until it is answered.
   * @returns the reply's data
   * @throws {CallError} when it was refused, or not answered in time (code `timeout`), or at once when 100,000 calls of
   * this client wait already (code `unavailable`)
   * @throws the signal's reason when that is aborted
   */
  call<Name extends ServiceName | (string & {})>(
    service: Name,
    data: RequestOf<Name>,
    options?: CallOptions,
  ): Promise<ReplyOf<Name>>
  /** With `from`: what was published in a channel, or to a user, and will be; in order, each once, nothing left out. */
  subscribe(channel: string, options: OrderedOptions): Subscription<Positioned<Publication>>
  subscribe(of: OfUser, options: OrderedOptions): Subscription<Positioned<DirectMessage>>
  /** Without: what is published on a topic from now on, best effort; whole topics are compared, repeats left out. */
  subscribe(topic: string, options?: LiveOptions): Subscription
  subscribe(of: OfUser, options?: LiveOptions): Subscription<DirectMessage>
  subscribe(of: string | OfUser, options?: SubscribeOptions): Subscription
  /** The client's Lamport clock as it stands. */
  readonly clock: number
  /**
   * Takes no more calls, ends all subscriptions, waits for the calls in flight (at most `graceMs`, default 5,000) and
   * closes everything: then nothing of the client keeps the process alive.
   */
  close(graceMs?: number): Promise<void>
}
