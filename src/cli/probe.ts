/**
 * Whether anybody is there, before anything is asked: a ZeroMQ socket waits for a peer that may come, so without this a
 * cluster that does not run is noticed only when a deadline is over.
 */
import { connect } from 'node:net'
import { EXIT, Failure } from './failure.ts'

/**
 * What is at an endpoint: `there` speaks ZeroMQ, `other` speaks something else, `refused` nobody listens, `silent` takes
 * connections or packets and says nothing, `unknown` has a host name that does not exist.
 */
export type Presence = 'there' | 'other' | 'refused' | 'silent' | 'unknown'

const LIMIT_MS = 1500
/** A ZeroMQ peer sends its signature at once: FF, eight bytes, 7F. */
const SIGNATURE = 0xff

/** Looks who is at `tcp://host:port`; takes at most 1.5 s. */
export function probe(url: string): Promise<Presence> {
  const [, host, port] = /^tcp:\/\/(.+):(\d+)$/.exec(url) ?? []
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port), autoSelectFamily: true })
    const end = (presence: Presence): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(presence)
    }
    const timer = setTimeout(() => end('silent'), LIMIT_MS)
    socket.once('data', (bytes: Buffer) => end(bytes[0] === SIGNATURE ? 'there' : 'other'))
    socket.once('end', () => end('other'))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      end(code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'unknown' : 'refused')
    })
  })
}

/**
 * Makes sure that somebody is there.
 * @param who broker, proxy or ref
 * @param urls one of these is enough
 * @throws {Failure} that says what is there instead and what to do
 */
export async function requireThere(who: string, urls: readonly string[]): Promise<void> {
  const found = await Promise.all(urls.map(probe))
  if (found.includes('there')) return
  throw new Failure(describePresence(found[0]!, who, urls.join(', ')), EXIT.unreachable)
}

const DESCRIPTIONS: { readonly [P in Exclude<Presence, 'there'>]: (who: string, where: string) => string } = {
  refused: (who, where) => `no ${who} at ${where} — is the cluster running? npm start`,
  silent: (who, where) => `no answer from the ${who} at ${where} within ${LIMIT_MS / 1000} s — npx compasso doctor`,
  other: (who, where) => `what listens at ${where} is no ${who} — another program uses that port; npx compasso doctor`,
  unknown: (who, where) => `the host of the ${who} ${where} is not known — check the variable or your network`,
}

/** What is wrong, a dash, and what to do about it. */
export const describePresence = (presence: Presence, who: string, where: string): string =>
  presence === 'there' ? `the ${who} is there at ${where}` : DESCRIPTIONS[presence](who, where)
