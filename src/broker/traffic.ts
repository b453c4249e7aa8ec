/**
 * What the broker does with each message, between its sockets: number and stamp requests, hand them to a back end,
 * match replies, send again, refuse. What passes through is not decoded; what is in it is the workers' business, all but
 * the Lamport clock: the broker is a process with a clock like any other (protocol/carried.ts).
 */
import { mergeClient, mergeTrusted, tick } from '../core/lamport.ts'
import type { Log } from '../platform/log.ts'
import { createMessageLog, type MessageLog } from '../platform/message-log.ts'
import { type Complain, createComplaints } from '../platform/socket-complaints.ts'
import { firstClock, lastClock, setLastClock } from '../protocol/carried.ts'
import { mayHandBack, stampClock, stampedBy, stampNumber, writeStamp } from '../protocol/stamp.ts'
import { requestsIn, serviceOf, unavailableReply } from './bodies.ts'
import { Dispatch, type DispatchLimits, type Request } from './dispatch.ts'
import { readClient, readWorker } from './frames.ts'

/** As much of a back end as traffic needs. */
export type Outlet = {
  readonly name: string
  readonly workers: number
  /** Requests that wait because there is no worker, or all are full. */
  readonly waiting: number
  /** Whether a request would go to a worker at once. */
  readonly open: boolean
  send(request: Request): void
}

export type TrafficOptions = {
  /** 8 random bytes that tell this run of the broker from others. */
  boot: Buffer
  limits: DispatchLimits
  log: Log
  toClient(frames: Uint8Array[]): void
}

/** Bound of what waits for a worker of one back end. */
export const MAX_WAITING = 1000
const MAIN = 0
const EMPTY = Buffer.alloc(0)
const NOTHING = {
  requests: 0,
  replies: 0,
  redispatched: 0,
  returned: 0,
  refused: 0,
  late: 0,
  undeliverable: 0,
  malformed: 0,
}

export class Traffic {
  /** The main back end first, then those of single services. */
  readonly outlets: Outlet[] = []
  /** Service → index of its back end. */
  readonly routes = new Map<string, number>()
  readonly counts = { ...NOTHING }
  readonly #boot: Buffer
  readonly #dispatch: Dispatch
  readonly #log: Log
  readonly #messages: MessageLog | null
  readonly #complain: Complain
  readonly #toClient: (frames: Uint8Array[]) => void
  #clock = 0

  constructor({ boot, limits, log, toClient }: TrafficOptions) {
    this.#boot = boot
    this.#dispatch = new Dispatch(limits)
    this.#log = log
    this.#messages = createMessageLog(log)
    this.#complain = createComplaints(log)
    this.#toClient = toClient
  }

  /** Whether clients have to wait. */
  get full(): boolean {
    return this.#dispatch.full || this.outlets[MAIN]!.waiting >= MAX_WAITING
  }

  /** Requests without a reply. */
  get unanswered(): number {
    return this.#dispatch.size
  }

  get clock(): number {
    return this.#clock
  }

  /** A message from the front. */
  request(frames: Buffer[], now: number): void {
    const message = readClient(frames)
    if (message === null) {
      this.counts.malformed++
      this.#complain('dropped a message from a client: an empty frame and a body were expected', this.#about(frames))
      return
    }
    this.counts.requests++
    const { route, body } = message
    const carried = firstClock(body)
    this.#clock = mergeClient(this.#clock, carried)
    this.#messages?.received('client>broker', body, carried, this.#clock)
    const index = this.routes.size === 0 ? MAIN : (this.routes.get(serviceOf(body) ?? '') ?? MAIN)
    const outlet = this.outlets[index]!
    const request = this.#dispatch.add(index, route, body, requestsIn(body), now)
    // The front never waits for a routed back end: what the others are asked is behind it.
    if (index !== MAIN && outlet.waiting >= MAX_WAITING) {
      this.#dispatch.remove(request)
      this.#refuse(request, `too many requests wait for a worker of ${outlet.name}`, now)
    } else outlet.send(request)
  }

  /** The frames of a request as they leave for a worker: stamped, and counted as sent. */
  toFrames(request: Request, now: number): Buffer[] {
    this.#dispatch.sent(request, now)
    this.#clock = tick(this.#clock)
    this.#messages?.sent(request.backEnd === MAIN ? 'broker>server' : 'broker>worker', request.body, this.#clock)
    return [
      ...request.route,
      writeStamp(this.#boot, request.number, this.#clock, this.#dispatch.mayReturn(request)),
      EMPTY,
      request.body,
    ]
  }

  /** A message from a back end. */
  reply(frames: Buffer[], now: number): void {
    const message = readWorker(frames)
    if (message === null) {
      this.counts.malformed++
      this.#complain('dropped a message from a worker: it must hand back the frames it got', this.#about(frames))
      return
    }
    const { stamp, body } = message
    if (body.length === 0 && mayHandBack(stamp)) return this.#handedBack(stamp, now)
    this.#hearWorker(stampClock(stamp), body)
    // Not ours: from before a restart, and whoever asked has asked again.
    const request = stampedBy(stamp, this.#boot) ? this.#dispatch.reply(stampNumber(stamp), now) : null
    if (request === null) {
      this.counts.late++
      return
    }
    this.counts.replies++
    this.#clock = tick(this.#clock)
    setLastClock(body, 'clock', this.#clock)
    this.#messages?.sent('broker>client', body, this.#clock)
    this.#toClient([...request.route, EMPTY, body])
  }

  /** A worker that is behind hands a request back: the next one gets it. */
  #handedBack(stamp: Buffer, now: number): void {
    this.#clock = mergeTrusted(this.#clock, stampClock(stamp))
    const request = stampedBy(stamp, this.#boot) ? this.#dispatch.handedBack(stampNumber(stamp), now) : null
    if (request === null) {
      this.counts.late++
      return
    }
    this.counts.returned++
    this.outlets[request.backEnd]!.send(request)
  }

  /** A worker of somebody else's hands back the stamp as it was; if it has a clock, that is in its body. */
  #hearWorker(stamped: number, body: Buffer): void {
    this.#clock = mergeTrusted(this.#clock, stamped)
    const isServer = lastClock(body, 'clock') !== null
    const carried = isServer ? stamped : firstClock(body)
    if (!isServer) this.#clock = mergeClient(this.#clock, carried)
    this.#messages?.received(isServer ? 'server>broker' : 'worker>broker', body, carried, this.#clock)
  }

  /** Sends again what is lost and refuses what nobody answered. */
  sweep(now: number): void {
    const { again, givenUp } = this.#dispatch.sweep(now, (index) => this.outlets[index]!.open)
    for (const request of again) {
      this.counts.redispatched++
      this.outlets[request.backEnd]!.send(request)
    }
    for (const request of givenUp) {
      const { name, workers } = this.outlets[request.backEnd]!
      this.#refuse(request, workers === 0 ? `no worker of ${name} is there` : `no worker of ${name} has replied`, now)
    }
  }

  /** Writes what happened since the last summary, if anything did. */
  summarise(): void {
    const happened = Object.entries(this.counts).filter(([, count]) => count > 0)
    if (happened.length === 0) return
    this.#log.info({ ...Object.fromEntries(happened), waiting: this.#dispatch.size }, 'requests')
    Object.assign(this.counts, NOTHING)
  }

  #refuse(request: Request, reason: string, now: number): void {
    this.counts.refused++
    this.#clock = tick(this.#clock)
    const body = unavailableReply(request.body, reason, now, this.#clock)
    this.#messages?.sent('broker>client', body, this.#clock)
    this.#toClient([...request.route, EMPTY, body])
  }

  #about(frames: Buffer[]): Record<string, unknown> {
    return { frames: frames.length, bytes: frames.reduce((sum, frame) => sum + frame.length, 0) }
  }
}
