/**
 * A plug-in's functions, believed no further than needed: what they throw becomes a refusal `internal`, and so does what
 * they return and nobody could send or store. A server goes on, whatever a plug-in does, unless that never returns, or
 * its `apply` makes a state that cannot be saved (plugins.ts).
 */
import { z } from 'zod'
import { encode } from '../../protocol/codec.ts'
import { type Data, isMap } from '../../protocol/envelope.ts'
import { type ErrorCode, type Refusal, readCode, refuse } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { type Answer, firstLine, type Prepared, type Service, type WriteService } from '../../protocol/service.ts'
import { returned } from './plugins.ts'

/** Fields of a public line that are not the service's. */
const RESERVED = ['n', 'clock', 'origin', 'seq', 'id', 'time', 'log', 'skipped']
const position = z.number().int().min(0).nullable()
const QUERY = z.strictObject({
  log: z.string(),
  anyOf: z.array(z.record(z.string(), z.unknown())),
  limit: z.number().int().min(1).max(LIMITS.historyItems),
  before: position,
  after: position,
})

/**
 * @param stateOf the plug-in's own part of the whole state
 * @returns the service as the core calls it
 */
export function guard<State>(service: Service<unknown>, stateOf: (state: State) => unknown): Service<State> {
  const { name } = service
  if (service.ack === 'stateless')
    return {
      ...service,
      answer: (request, host) =>
        trying(name, () => readAnswer(returned(service.answer(request, host)))) as { data: Data },
    }
  if (service.ack === 'read')
    return {
      ...service,
      read: (request, state) => trying(name, () => readAnswer(returned(service.read(request, stateOf(state))))),
    }
  return { ...service, ...guardWrites(service, stateOf) }
}

function guardWrites<State>(service: WriteService<unknown>, stateOf: (state: State) => unknown): WriteService<State> {
  const { name, apply, describe, ...rest } = service
  const guarded: WriteService<State> = {
    ...rest,
    name,
    prepare: (request, state) =>
      trying(name, () => {
        const prepared = readPrepared(returned(service.prepare(request, stateOf(state))))
        // Told to subscribers later, when nobody can be refused any more.
        if ('body' in prepared) checkPublication(service, prepared.body)
        return prepared
      }),
  }
  if (apply !== undefined) guarded.apply = (event, state) => applying(() => apply(event, stateOf(state)))
  if (describe !== undefined) guarded.describe = (code, request) => wordsFor(code, () => describe(code, request))
  return guarded
}

function trying<T>(name: string, work: () => T): T | { refusal: Refusal } {
  try {
    return work()
  } catch (error) {
    return { refusal: refuse('internal', `service ${name} failed: ${firstLine(error)}`) }
  }
}

/**
 * The same on every replica, as `apply` has to be. Where it throws, the event has no effect; so it must look before it
 * changes anything.
 */
function applying(apply: () => unknown): ErrorCode | null {
  try {
    const code = returned(apply()) ?? null
    return code === null ? null : (readCode(code) ?? 'internal')
  } catch {
    return 'internal'
  }
}

function wordsFor(code: ErrorCode, describe: () => unknown): string {
  try {
    const words = returned(describe())
    return typeof words === 'string' ? words : code
  } catch {
    return code
  }
}

function readAnswer(said: unknown): Answer | { refusal: Refusal } {
  const refusal = refusalIn(said)
  if (refusal !== null) return { refusal }
  if (isMap(said) && isMap(said.data)) {
    encode(said.data)
    return { data: said.data }
  }
  if (isMap(said) && said.query !== undefined) return { query: QUERY.parse(said.query) }
  throw new Error('it must return { data }, { query } or { refusal }, and not a promise')
}

function readPrepared(said: unknown): Prepared {
  const refusal = refusalIn(said)
  if (refusal !== null) return { refusal }
  if (!isMap(said) || !isMap(said.body))
    throw new Error('prepare must return { body } or { refusal }, and not a promise')
  const reserved = RESERVED.find((field) => Object.hasOwn(said.body as Data, field))
  if (reserved !== undefined) throw new Error(`the body must not have a field ${reserved}`)
  // As it is stored, so that `apply` sees the same here as on every other replica.
  const text = JSON.stringify(said.body)
  if (Buffer.byteLength(text) > LIMITS.pluginEventBytes)
    throw new Error(`the body has more than ${LIMITS.pluginEventBytes} bytes`)
  return { body: JSON.parse(text) }
}

function refusalIn(said: unknown): Refusal | null {
  if (!isMap(said) || !isMap(said.refusal)) return null
  const { description } = said.refusal
  const code = readCode(said.refusal.code)
  if (code === null || typeof description !== 'string')
    throw new Error('a refusal must have a code of the protocol and a description')
  return refuse(code, description)
}

function checkPublication({ publication }: WriteService<unknown>, body: Data): void {
  if (publication === undefined) return
  if (typeof returned(publication.topic(body)) !== 'string') throw new Error('publication.topic must return text')
  const map = returned(publication.map(body))
  if (!isMap(map)) throw new Error('publication.map must return a map')
  encode(map)
}
