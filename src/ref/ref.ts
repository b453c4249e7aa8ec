/** ref's dealings with the world: requests into steps of the core, and the effects of each carried out in order. */
import { randomBytes } from 'node:crypto'
import { mergeClient, mergeTrusted, tick } from '../core/lamport.ts'
import { type RefEffect, type RefInput, refStep } from '../core/ref.ts'
import type { Persisted, RefState } from '../core/ref_state.ts'
import type { Log } from '../platform/log.ts'
import { createMessageLog, type MessageLog } from '../platform/message-log.ts'
import { type Complain, createComplaints } from '../platform/socket-complaints.ts'
import { decode, encode } from '../protocol/codec.ts'
import { type Data, type Envelope, errorReply, type Request, readBody, replyEnvelope } from '../protocol/envelope.ts'
import { type Refusal, refuse } from '../protocol/errors.ts'
import { createPlainServers } from './plain.ts'
import { readRequest } from './requests.ts'

/** Names are kept for ever, so there is a bound to how many strangers may bring. */
const MOST_NAMES = 10_000
/** What only servers ask; they say which instance they are. */
const SERVERS_ASK: ReadonlySet<string> = new Set(['rank', 'heartbeat', 'join', 'leave'])

export type RefOptions = {
  state: RefState
  log: Log
  /** Must be durable when it returns: what follows from it is told next. */
  persist(state: Persisted): void
  send(frames: Uint8Array[]): void
}

export class Ref {
  readonly #options: RefOptions
  readonly #complain: Complain
  readonly #messages: MessageLog | null
  readonly #plain = createPlainServers()
  /** Servers seen in the last list, so that comings and goings can be told. */
  #present = new Map<string, string>()
  #clock = 0

  constructor(options: RefOptions) {
    this.#options = options
    this.#complain = createComplaints(options.log)
    this.#messages = createMessageLog(options.log)
  }

  get clock(): number {
    return this.#clock
  }

  /** A message from anybody: `[identity, …, '', body]`. */
  receive(frames: Buffer[], now: number): void {
    const body = frames.at(-1)
    if (body === undefined || frames.length < 3 || frames.at(-2)!.length !== 0) {
      this.#complain('dropped a message: an empty frame and a body were expected', { frames: frames.length })
      return
    }
    const { requests, batch } = this.#read(body)
    const isServer = requests.some(({ service }) => SERVERS_ASK.has(service))
    for (const request of requests) this.#hear(request)
    const carried = Math.max(...requests.map(({ clock }) => clock))
    this.#messages?.received(isServer ? 'server>ref' : 'tool>ref', body, carried, this.#clock)
    const replies = requests.map((request) => this.#answer(request, now))
    const reply = encode(batch ? replies : replies[0])
    this.#messages?.sent(isServer ? 'ref>server' : 'ref>tool', reply, this.#clock)
    this.#options.send([...frames.slice(0, -1), reply])
  }

  /** To be called every 100 ms. */
  tick(now: number): void {
    this.#step({ type: 'tick' }, now)
    this.#tellPresence()
  }

  #read(body: Buffer): { requests: Request[]; batch: boolean } {
    try {
      return readBody(decode(body))
    } catch (error) {
      const wrong = (error as Error).message
      this.#complain('a request could not be read', { wrong })
      const request = { service: '', id: null, data: {}, clock: 0, wrong: refuse('bad_request', wrong) }
      return { requests: [request], batch: false }
    }
  }

  /** A server's clock is one of ours, however far ahead; others' only within reason. */
  #hear({ service, data, clock, wrong }: Request): void {
    const isServer = wrong === null && SERVERS_ASK.has(service) && typeof data.instance === 'string'
    this.#clock = isServer ? mergeTrusted(this.#clock, clock) : mergeClient(this.#clock, clock)
  }

  #answer(request: Request, now: number): Envelope {
    const read = readRequest(request)
    const answer =
      'refusal' in read
        ? read.refusal
        : 'plain' in read
          ? this.#heardPlain(read.plain, now)
          : this.#take(read.input, now)
    return replyEnvelope(request.service, request.id, this.#stamp(answer))
  }

  #stamp(answer: Data | Refusal): Data {
    this.#clock = tick(this.#clock)
    const timestamp = Date.now()
    if (isRefusal(answer)) return errorReply(answer, timestamp, this.#clock)
    return { ...answer, timestamp, clock: this.#clock }
  }

  #heardPlain(name: string, now: number): Data | Refusal {
    const answer = this.#take({ type: 'rank', name, exclude: [] }, now)
    if (isRefusal(answer)) return answer
    this.#plain.heard(name, Number(answer.rank), now)
    return { ...answer, view: this.#options.state.view }
  }

  #take(input: RefInput, now: number): Data | Refusal {
    const { names } = this.#options.state
    if (input.type === 'rank' && names.size >= MOST_NAMES && !names.has(input.name))
      return refuse('unavailable', `ref knows ${MOST_NAMES} names already`)
    const answer = this.#step(input, now)
    if (input.type !== 'list' || isRefusal(answer)) return answer
    const list = [...(answer.list as Data[]), ...this.#plain.list(now)]
    return { list: list.sort((a, b) => Number(a.rank) - Number(b.rank)) }
  }

  #step(input: RefInput, now: number): Data | Refusal {
    let answer: Data | Refusal = {}
    for (const effect of refStep(this.#options.state, now, randomBytes(6).toString('hex'), input)) {
      if (effect.type === 'reply') answer = effect.data
      else if (effect.type === 'refuse') answer = effect.refusal
      else this.#carryOut(effect)
    }
    return answer
  }

  #carryOut(effect: Exclude<RefEffect, { type: 'reply' | 'refuse' }>): void {
    const { log, persist, send } = this.#options
    if (effect.type === 'persist') return persist(effect.state)
    if (effect.type === 'log') return log[effect.level](effect.fields, effect.text)
    this.#clock = tick(this.#clock)
    const body = encode({
      service: 'view',
      data: { view: effect.view, timestamp: Date.now(), clock: this.#clock },
    })
    this.#messages?.sent('ref>server', body, this.#clock)
    for (const instance of effect.to) send([Buffer.from(instance), Buffer.alloc(0), body])
  }

  /** Says who came and who went since it was last called. */
  #tellPresence(): void {
    const { state, log } = this.#options
    const present = new Map([...state.servers].map(([instance, { name }]): [string, string] => [instance, name]))
    for (const [instance, name] of present) {
      if (!this.#present.has(instance)) log.info({ name, instance }, 'a server came')
    }
    for (const [instance, name] of this.#present) {
      if (!present.has(instance)) log.info({ name, instance }, 'a server went')
    }
    this.#present = present
  }
}

const isRefusal = (answer: Data | Refusal): answer is Refusal => 'code' in answer && 'description' in answer
