/**
 * What the proxy does with each message, between its sockets. Publications go down, subscriptions go up, so that
 * publishers send only what somebody wants. Bounded: what is malformed goes nowhere.
 *
 * A publication is not decoded. At its end is the Lamport time at which it was sent, which is read and replaced in place
 * (protocol/carried.ts); one without that passes as it is.
 */

import { mergeClient, mergeTrusted, tick } from '../core/lamport.ts'
import type { Log } from '../platform/log.ts'
import { createMessageLog, type MessageLog } from '../platform/message-log.ts'
import { type Complain, createComplaints } from '../platform/socket-complaints.ts'
import { WELCOME_TOPIC } from '../platform/socket-welcome.ts'
import { firstClock, lastClock, setLastClock } from '../protocol/carried.ts'
import { encode } from '../protocol/codec.ts'

/** Longest topic, bytes: names of 64 characters have at most 192. */
export const TOPIC_BYTES = 256
/** Most different topics that publishers are asked for; ZeroMQ keeps them in memory, here and at every publisher. */
const MAX_TOPICS = 100_000

const SUBSCRIBE = 1
const WELCOME = Buffer.from(`${WELCOME_TOPIC}/`)
const NOTHING = { publications: 0, bytes: 0, subscriptions: 0, malformed: 0 }

export type ForwardOptions = {
  log: Log
  toSubscribers(frames: Uint8Array[]): void
  toPublishers(frames: Uint8Array[]): void
}

export class Forward {
  readonly #options: ForwardOptions
  readonly #complain: Complain
  readonly #messages: MessageLog | null
  /** What publishers were asked for, so that it is taken back once for each time it was asked. */
  readonly #topics = new Set<string>()
  #counts = { ...NOTHING }
  #clock = 0

  constructor(options: ForwardOptions) {
    this.#options = options
    this.#complain = createComplaints(options.log)
    this.#messages = createMessageLog(options.log)
  }

  get clock(): number {
    return this.#clock
  }

  get topics(): number {
    return this.#topics.size
  }

  /** From a publisher: `[topic, body]`. */
  publication(frames: Buffer[]): void {
    if (frames.length !== 2) {
      this.#counts.malformed++
      this.#complain('dropped a publication: a topic and a body were expected', { frames: frames.length })
      return
    }
    this.#counts.publications++
    const body = frames[1]!
    this.#counts.bytes += body.length
    const sent = lastClock(body, 'sent')
    if (sent === null) this.#hearStranger(body)
    else {
      this.#clock = mergeTrusted(this.#clock, sent)
      this.#messages?.received('server>proxy', body, sent, this.#clock)
      this.#clock = tick(this.#clock)
      setLastClock(body, 'sent', this.#clock)
      this.#messages?.sent('proxy>client', body, this.#clock)
    }
    this.#options.toSubscribers(frames)
  }

  /** What it says passes as it is, and only raises the clock. */
  #hearStranger(body: Buffer): void {
    const carried = firstClock(body)
    this.#clock = tick(mergeClient(this.#clock, carried))
    this.#messages?.received('publisher>proxy', body, carried, this.#clock)
  }

  /** From a subscriber, when it is the first or was the last for a topic: one frame, 1 or 0 and the topic. */
  subscription(frames: Buffer[]): void {
    const [frame] = frames
    if (frames.length !== 1 || frame!.length === 0 || frame![0]! > SUBSCRIBE || frame!.length > TOPIC_BYTES + 1) {
      this.#counts.malformed++
      this.#complain('dropped a subscription', { frames: frames.length, bytes: frame?.length ?? 0 })
      return
    }
    const subscribe = frame![0] === SUBSCRIBE
    const topic = frame!.subarray(1)
    if (topic.subarray(0, WELCOME.length).equals(WELCOME)) {
      if (subscribe) this.#welcome(topic)
      return
    }
    if (!this.#keep(topic.toString('latin1'), subscribe)) return
    this.#counts.subscriptions++
    this.#options.toPublishers([frame!])
  }

  /** Writes what happened since the last summary, if anything did. */
  summarise(): void {
    if (Object.values(this.#counts).every((count) => count === 0)) return
    this.#options.log.info({ ...this.#counts, topics: this.#topics.size }, 'publications')
    this.#counts = { ...NOTHING }
  }

  /** @returns whether publishers have to know */
  #keep(key: string, subscribe: boolean): boolean {
    if (!subscribe) return this.#topics.delete(key)
    if (this.#topics.has(key)) return false
    if (this.#topics.size >= MAX_TOPICS) {
      this.#complain('too many topics: a subscription gets nothing', { topics: MAX_TOPICS })
      return false
    }
    this.#topics.add(key)
    return true
  }

  /** See platform/socket-welcome.ts. Two frames, like all else; only who asked has subscribed to this topic. */
  #welcome(topic: Buffer): void {
    this.#clock = tick(this.#clock)
    const body = encode({ type: 'welcome', timestamp: Date.now(), clock: this.#clock })
    this.#messages?.sent('proxy>client', body, this.#clock)
    this.#options.toSubscribers([topic, body])
  }
}
