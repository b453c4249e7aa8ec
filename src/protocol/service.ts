/**
 * The contract of a service: one object, one file. The core orders and applies its events without knowing any of them.
 */
import type { Data } from './envelope.ts'
import { type ErrorCode, quote, type Refusal, refuse } from './errors.ts'

/**
 * How a request is answered:
 * - `stateless`: at once, from the request alone.
 * - `read`: from the replicated state, once that is known to hold everything up to the request's Lamport time.
 * - `durable`: when a quorum of servers holds the event on disk.
 * - `ordered`: when the event has its final place, with what applying it there gave.
 */
export type Acknowledgement = 'stateless' | 'read' | 'durable' | 'ordered'

/** One ordered event as `apply` sees it: the body that `prepare` made, and when and by which origin it was made. */
export type AppliedEvent<Body = Data> = { time: number; clock: number; body: Body }

/** A question that only the public files can answer; the platform pages through them. */
export type Query = {
  /** The public file, without `.jsonl`. */
  log: string
  /** An event matches when, for one of these alternatives, every field is equal. */
  anyOf: Data[]
  /** Most items to return. */
  limit: number
  /** Only positions below / above, or null. Without `after` the newest matching items are returned. */
  before: number | null
  after: number | null
}

/** What an item of a page has besides the body of its event. */
export type Item = { n: number; clock: number; origin: string; seq: number; id: string; timestamp: number }

type Refused = { refusal: Refusal }
/** What `answer` and `read` say: the fields of the reply, or what to look up in a public file. */
export type Answer = { data: Data } | { query: Query }
export type Prepared = { body: Data } | Refused

/**
 * What a schema says of a request: the normalised data, or what is wrong where. Zod's schemas fit; what they take and
 * what they make is in the type, so that it reaches `prepare`, `read` and `answer`, and the callers of a service.
 */
export type Schema<Input = unknown, Output = unknown> = {
  readonly _zod: { readonly input: Input; readonly output: Output }
  safeParse(
    data: unknown,
  ):
    | { success: true; data: Output }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } }
}

export type InputOf<S extends Schema> = S['_zod']['input']
export type OutputOf<S extends Schema> = S['_zod']['output']

/**
 * Checks a request against a service's schema. An issue may carry one of our codes as `params.code`. Never throws, though
 * the schema of a plug-in may, by a transform that does or a check that is asynchronous.
 */
export function checkRequest(schema: Schema, data: Data): { request: Data } | Refused {
  let result: ReturnType<Schema['safeParse']>
  try {
    result = schema.safeParse(data)
  } catch (error) {
    return { refusal: refuse('internal', `the schema failed: ${firstLine(error)}`) }
  }
  if (result.success) return { request: result.data as Data }
  const issues = result.error.issues as readonly Issue[]
  const issue = issues.find((one) => one.params?.code !== undefined) ?? issues[0]
  const { path = [], message = 'is not right', params } = issue ?? {}
  const field = path.join('.') || 'data'
  return {
    refusal: refuse(params?.code ?? 'bad_request', message.startsWith(field) ? message : `${field}: ${message}`),
  }
}

/** What went wrong, in one line. Never throws, whatever was thrown. */
export function firstLine(error: unknown): string {
  const said = error instanceof Error ? error.message : error
  return (typeof said === 'string' ? said : quote(said)).split('\n')[0]!
}

type Issue = { path: readonly PropertyKey[]; message: string; params?: { code?: ErrorCode } }

/** What a service without state may know of the server that runs it. */
export type Host = {
  /** The server's name, Compasso's version, and what both run on. */
  server: string
  version: string
  node: string
  os: string
  uptimeSeconds(): number
}

type Base = {
  name: string
  /** One sentence for people: what it does. */
  summary: string
  schema: Schema
}

export type StatelessService = Base & {
  ack: 'stateless'
  answer(request: Data, host: Host): { data: Data } | Refused
}

export type ReadService<State> = Base & {
  ack: 'read'
  read(request: Data, state: State): Answer | Refused
}

export type WriteService<State> = Base & {
  ack: 'durable' | 'ordered'
  /** The public file of its events, without `.jsonl`. Services that share one share their `apply`. */
  log: string
  /**
   * Request → event body, or a refusal from the state. A refusal is final only after the core has made sure that
   * the state is recent enough, and that no copy of the request has its effect; a body may be prepared from an older state.
   */
  prepare(request: Data, state: State): Prepared
  /** Event → state. Deterministic: it runs on every replica. Returns an error code to make it an event without effect. */
  apply?(event: AppliedEvent, state: State): ErrorCode | null
  /** The text that goes with a code from `prepare` or `apply`: from the request alone, so that a retry gets the same answer. */
  describe?(code: ErrorCode, request: Data): string
  /** The success fields of the reply (stamped with timestamp and clock by the caller). Constant, so encoded once. */
  success: Data
  /** On which topic subscribers hear of an event, and what; none for services that tell nobody. */
  publication?: { topic(body: Data): string; map(body: Data): Data }
}

export type Service<State = unknown> = StatelessService | ReadService<State> | WriteService<State>

/** What the type of a service remembers: its name, its schema, and the fields of its reply. Nothing of it is there at run time. */
export type Typed<Name extends string, S extends Schema, Reply> = { name: Name; schema: S; readonly reply?: Reply }

/**
 * Defines a service that answers from the request alone. Like the next two it returns what it was given: it is there so
 * that the types of request and reply follow from the definition.
 */
export function statelessService<const Name extends string, S extends Schema, A extends { data: Data } | Refused>(
  service: Omit<StatelessService, 'name' | 'ack' | 'schema' | 'answer'> & {
    name: Name
    schema: S
    answer(request: OutputOf<S>, host: Host): A
  },
): StatelessService & Typed<Name, S, DataOf<A>> {
  return { ack: 'stateless', ...service } as StatelessService & Typed<Name, S, DataOf<A>>
}

/** Defines a service that answers from the replicated state. */
export function readService<const Name extends string, S extends Schema, State, A extends Answer | Refused>(
  service: Omit<ReadService<State>, 'name' | 'ack' | 'schema' | 'read'> & {
    name: Name
    schema: S
    read(request: OutputOf<S>, state: State): A
  },
): ReadService<State> & Typed<Name, S, ReadReply<A>> {
  return { ack: 'read', ...service } as ReadService<State> & Typed<Name, S, ReadReply<A>>
}

type Writing<Name, S extends Schema, State, P extends Prepared, Reply> = Pick<
  WriteService<State>,
  'summary' | 'ack' | 'log'
> & {
  name: Name
  schema: S
  prepare(request: OutputOf<S>, state: State): P
  apply?(event: AppliedEvent<BodyOf<P>>, state: State): ErrorCode | null
  describe?(code: ErrorCode, request: OutputOf<S>): string
  success: Reply
  publication?: { topic(body: BodyOf<P>): string; map(body: BodyOf<P>): Data }
}

/** Defines a service that makes an event. */
export function writeService<
  const Name extends string,
  S extends Schema,
  State,
  P extends Prepared,
  const Reply extends Data,
>(service: Writing<Name, S, State, P, Reply>): WriteService<State> & Typed<Name, S, Reply> {
  return service as unknown as WriteService<State> & Typed<Name, S, Reply>
}

type BodyOf<P> = Extract<P, { body: unknown }>['body']
type DataOf<A> = Extract<A, { data: unknown }>['data']
type Page = { items: (Item & Data)[]; next: number | null; position: number | null }
type ReadReply<A> = (A extends { query: Query } ? Page : DataOf<A>) & { stale?: boolean }

/** All services of a server with the replicated state that they share. */
export type Application<State = unknown> = {
  services: ReadonlyMap<string, Service<State>>
  host: Host
  /** Public files, in a fixed order; `skipped` is not among them, the core adds it. */
  logs: readonly string[]
  /**
   * The writing services, each in words: servers with different ones would come to different states and files, so they
   * are never in one view.
   */
  writes: readonly string[]
  /** The write service whose `apply` folds a log, by log; logs without one are never parsed. */
  folds: ReadonlyMap<string, WriteService<State>>
  create(): State
  /** Canonical JSON value of the state: equal states give equal text. */
  snapshot(state: State): Data
  /** @throws when the value is not a snapshot of exactly these services */
  restore(value: unknown): State
}
