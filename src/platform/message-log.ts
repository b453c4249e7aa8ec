/**
 * One debug record for every message that a process sends or receives, with its Lamport clock: what `compasso lamport`
 * checks the rule over. Only where debug records are written at all; elsewhere there is no such log, and it costs nothing.
 *
 * Both ends name a message alike: by a digest of its body, or by what its sender calls it. `clock` of a `sent` record is
 * what the message carries; of a `received` record, `carried` is that and `clock` the receiver's own afterwards.
 */
import { createHash } from 'node:crypto'

/** From whom to whom, and of what kind where that matters. */
export type MessageLink = `${string}>${string}`

/** As much of a log as it takes; one without levels gets nothing. */
type DebugLog = {
  isLevelEnabled?(level: string): boolean
  debug?(fields: Record<string, unknown>, text: string): void
}

export type MessageLog = {
  /** Call it where the clock has been raised for the message, before anything else can raise it. */
  sent(link: MessageLink, message: Uint8Array | string, clock: number): void
  /** Call it where the clock has been merged. */
  received(link: MessageLink, message: Uint8Array | string, carried: number, clock: number): void
}

/** @returns null when the log writes no debug records, or there is none */
export function createMessageLog(log: DebugLog | undefined): MessageLog | null {
  if (log?.isLevelEnabled?.('debug') !== true) return null
  return {
    sent: (link, message, clock) => log.debug?.({ link, message: nameOf(message), clock }, 'sent'),
    received: (link, message, carried, clock) =>
      log.debug?.({ link, message: nameOf(message), carried, clock }, 'received'),
  }
}

const NAME_LENGTH = 16

const nameOf = (message: Uint8Array | string): string =>
  typeof message === 'string' ? message : createHash('sha1').update(message).digest('hex').slice(0, NAME_LENGTH)
