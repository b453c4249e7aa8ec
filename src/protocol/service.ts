/**
 * The contract of a service: one object, one file. The core orders and applies its events without knowing any of them.
 */
import type { Data } from './envelope.ts'
import { type ErrorCode, type Refusal, refuse } from './errors.ts'

/**
 * How a request is answered:
 * - `stateless`: at once, from the request alone.
 * - `read`: from the replicated state, once that is known to hold everything up to the request's Lamport time.
 * - `durable`: when a quorum of servers holds the event on disk.
 * - `ordered`: when the event has its final place, with what applying it there gave.
 */
export type Acknowledgement = 'stateless' | 'read' | 'durable' | 'ordered'

/** One ordered event as `apply` sees it: the body that `prepare` made, and when and by which origin it was made. */
export type AppliedEvent = { time: number; clock: number; body: Data }

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

/** What `read` says when it does not refuse. */
export type Answer = { data: Data } | { query: Query }

/** What a schema says of a request: the normalised data, or what is wrong where. Zod's schemas fit. */
export type Schema = {
  safeParse(
    data: unknown,
  ):
    | { success: true; data: unknown }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } }
}

type Base = { name: string; schema: Schema }

/** Checks a request against a service's schema. An issue may carry one of our codes as `params.code`. */
export function checkRequest(schema: Schema, data: Data): { request: Data } | { refusal: Refusal } {
  const result = schema.safeParse(data)
  if (result.success) return { request: result.data as Data }
  const issues = result.error.issues as readonly Issue[]
  const issue = issues.find((one) => one.params?.code !== undefined) ?? issues[0]
  if (issue?.params?.code !== undefined) return { refusal: refuse(issue.params.code, issue.message) }
  return { refusal: refuse('bad_request', `${issue?.path.join('.') || 'data'}: ${issue?.message ?? 'is not right'}`) }
}

type Issue = { path: readonly PropertyKey[]; message: string; params?: { code?: ErrorCode } }

export type StatelessService = Base & { ack: 'stateless'; answer(request: Data): Data }

export type ReadService<State> = Base & {
  ack: 'read'
  read(request: Data, state: State): Answer | { refusal: Refusal }
}

export type WriteService<State> = Base & {
  ack: 'durable' | 'ordered'
  /** The public file of its events, without `.jsonl`. */
  log: string
  /**
   * Request → event body, or a refusal from the state. A refusal is final only after the core has made sure that
   * the state is recent enough; a body may be prepared from an older state.
   */
  prepare(request: Data, state: State): { body: Data } | { refusal: Refusal }
  /** Event → state. Deterministic: it runs on every replica. Returns an error code to make it an event without effect. */
  apply?(event: AppliedEvent, state: State): ErrorCode | null
  /** The text that goes with a code from `apply`: from the request alone, so that a retry gets the same answer. */
  describe?(code: ErrorCode, request: Data): string
  /** The success fields of the reply (stamped with timestamp and clock by the caller). Constant, so encoded once. */
  success: Data
  /** On which topic subscribers hear of an event, and what; none for services that tell nobody. */
  publication?: { topic(body: Data): string; map(body: Data): Data }
}

export type Service<State = unknown> = StatelessService | ReadService<State> | WriteService<State>

/** All services of a server with the replicated state that they share. */
export type Application<State = unknown> = {
  services: ReadonlyMap<string, Service<State>>
  /** Public files, in a fixed order; `skipped` is not among them, the core adds it. */
  logs: readonly string[]
  /** The write service whose `apply` folds a log, by log; logs without one are never parsed. */
  folds: ReadonlyMap<string, WriteService<State>>
  create(): State
  /** Canonical JSON value of the state: equal states give equal text. */
  snapshot(state: State): Data
  /** @throws when the value is not a snapshot */
  restore(value: unknown): State
}
