/** A request that was refused or could not be done. */
import type { Data } from '../protocol/envelope.ts'

/** `code` is one of protocol/errors.ts, or what a worker in another language chose. */
export class CallError extends Error {
  readonly code: string
  readonly description: string
  /** Whether the same request may succeed later. What became of it is unknown when the code is `timeout`. */
  readonly retriable: boolean

  constructor(code: string, description: string, retriable: boolean) {
    super(`${code}: ${description}`)
    this.name = 'CallError'
    this.code = code
    this.description = description
    this.retriable = retriable
  }
}

/** The error in a reply's data, or null when it is a success. Old workers send only a text. */
export function errorIn(data: Data): CallError | null {
  if (data.status !== 'erro') return null
  const text = data.description ?? data.message
  const code = typeof data.code === 'string' ? data.code : 'internal'
  return new CallError(code, typeof text === 'string' ? text : 'no description', data.retriable === true)
}
