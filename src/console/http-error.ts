/** A refusal by HTTP status, before there is a JSON-RPC call; the message is for whoever asked. */
export class HttpError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** After these the rest of a body is not read, so the connection ends. */
export const endsConnection = (statusCode: number): boolean => [408, 413, 415, 503].includes(statusCode)

export const errorBody = (message: string): string => `${JSON.stringify({ error: message })}\n`
