/**
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification): body in, calls out, response text back. Pure: who does the calls
 * is an argument.
 */
import { LIMITS } from '../protocol/limits.ts'
import { RPC_ERRORS } from '../protocol/rpc-errors.ts'
import { firstOf, scanJson } from './json-scan.ts'
import { toJson } from './to-json.ts'

export type RpcError = { code: number; message: string; data?: Record<string, unknown> }
export type Params = Record<string, unknown> | unknown[]

/** One call to be done. `index`: its place in the batch; null when it came alone. */
export type Invocation = { method: string; params: Params | undefined; index: number | null }
export type Invoke = (invocation: Invocation) => Promise<{ result: unknown } | { error: RpcError }>

/** Asked before a result of so many characters becomes part of the response. @returns the error that does instead, or null */
export type Admit = (length: number) => RpcError | null

export type Answered = {
  /** The body of the response, or null when there is nothing to say. Never rejects. */
  response: Promise<string | null>
  /** Resolves when every call has ended, also those that nobody waits for. */
  done: Promise<unknown>
}

type Id = string | number | null
type Entry = { wrong: RpcError; id: Id | undefined } | (Invocation & { id: Id | undefined })
/** A body as understood; `batch`: the response is an array too. */
export type Message = { entries: readonly Entry[]; batch: boolean }

/**
 * Does the calls of a message.
 */
export function answer({ entries, batch }: Message, invoke: Invoke, admit: Admit = () => null): Answered {
  const all = entries.map((entry) => respond(entry, invoke, admit))
  // A notification is done, and nothing is said about it (section 4.1), so nobody waits for it either.
  const wanted = all.filter((_, index) => entries[index]!.id !== undefined)
  const response = Promise.all(wanted).then((texts) => {
    if (texts.length === 0) return null
    return batch ? `[${texts.join(',')}]` : texts[0]!
  })
  return { response, done: Promise.all(all) }
}

/**
 * Reads a body; what is wrong with it is answered like a call. Never throws.
 * @param hasRoom asked before so many values are made of it; without room the result is null
 */
export function readMessage(body: Uint8Array): Message
export function readMessage(body: Uint8Array, hasRoom: (values: number) => boolean): Message | null
export function readMessage(body: Uint8Array, hasRoom = (_: number): boolean => true): Message | null {
  // One level is left for the batch in which a single request may travel with those of others.
  const deepest = firstOf(body) === '[' ? LIMITS.depth : LIMITS.depth - 1
  const { depth, values } = scanJson(body, deepest)
  if (depth > deepest) return refused(invalid(`the body is nested more than ${deepest} deep`))
  if (!hasRoom(values)) return null
  let text: string
  let message: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    message = JSON.parse(text)
  } catch {
    return refused(RPC_ERRORS.parse)
  }
  // Only an escape can make half a character of text that was UTF-8.
  const isWhole = HALF_ESCAPED.test(text) ? isWellFormed : () => true
  if (!Array.isArray(message)) return { entries: [readEntry(message, null, isWhole)], batch: false }
  if (message.length === 0) return refused(RPC_ERRORS.invalidRequest)
  if (message.length > LIMITS.batchEnvelopes)
    return refused(invalid(`a batch must have at most ${LIMITS.batchEnvelopes} requests, got ${message.length}`))
  return { entries: message.map((one, index) => readEntry(one, index, isWhole)), batch: true }
}

const refused = (error: RpcError): Message => ({ entries: [{ wrong: error, id: null }], batch: false })

const HALF_ESCAPED = /\\u[dD][89a-fA-F]/

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isWellFormed)
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner))
}

/** Section 4: the request object. */
function readEntry(value: unknown, index: number | null, isWhole: (params: unknown) => boolean): Entry {
  if (typeof value !== 'object' || value === null) return { wrong: RPC_ERRORS.invalidRequest, id: null }
  const { jsonrpc, method, params, id } = value as Record<string, unknown>
  if (!isId(id)) {
    const tooLarge = typeof id === 'number' ? invalid('a whole number as id must be within ±(2^53-1)') : null
    return { wrong: tooLarge ?? RPC_ERRORS.invalidRequest, id: null }
  }
  const structured = params === undefined || (typeof params === 'object' && params !== null)
  if (jsonrpc !== '2.0' || typeof method !== 'string' || !structured)
    return { wrong: RPC_ERRORS.invalidRequest, id: id ?? null }
  // MessagePack could not carry it, and would have the whole batch refused in which it travels.
  if (!method.isWellFormed() || !isWhole(params)) return notText(id)
  return { method, params: params as Params | undefined, index, id }
}

/** For a notification too, but then nobody is told. */
const notText = (id: Id | undefined): Entry => ({
  wrong: {
    ...RPC_ERRORS.invalidParams,
    data: { code: 'bad_request', description: 'a text is not well-formed Unicode', retriable: false },
  },
  id,
})

/** A number that would not come back as it came is none that can be echoed. */
function isId(id: unknown): id is Id | undefined {
  if (typeof id === 'number') return Number.isSafeInteger(id) || (Number.isFinite(id) && !Number.isInteger(id))
  return id === undefined || id === null || typeof id === 'string'
}

async function respond(entry: Entry, invoke: Invoke, admit: Admit): Promise<string> {
  if ('wrong' in entry) return responseOf('error', JSON.stringify(entry.wrong), entry.id ?? null)
  const { id = null, ...invocation } = entry
  try {
    const outcome = await invoke(invocation)
    // Nothing waits for the result of a notification.
    if (entry.id === undefined) return ''
    if ('error' in outcome) return responseOf('error', JSON.stringify(outcome.error), id)
    const text = responseOf('result', toJson(outcome.result ?? null), id)
    const noRoom = admit(text.length)
    return noRoom === null ? text : responseOf('error', JSON.stringify(noRoom), id)
  } catch {
    return responseOf('error', JSON.stringify(RPC_ERRORS.internal), id)
  }
}

/** Section 5: the response object. */
const responseOf = (kind: 'result' | 'error', json: string, id: Id): string =>
  `{"jsonrpc":"2.0","${kind}":${json},"id":${JSON.stringify(id)}}`

const invalid = (description: string): RpcError => ({
  ...RPC_ERRORS.invalidRequest,
  data: { code: 'bad_request', description, retriable: false },
})
