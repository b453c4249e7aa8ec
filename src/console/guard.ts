/**
 * Who may ask. The gateway listens on this machine for programs of this machine, but so does every web page that a browser on it
 * shows try to:
 * - a page elsewhere posts a form, or fetches without reading: its Origin is not ours, or the browser says that it is cross-site;
 * - its domain is pointed at 127.0.0.1 after it was loaded (DNS rebinding), so that it is "same origin": its Host is a domain.
 * Programs that are no browser send neither Origin nor Sec-Fetch-Site, and reach us under an address or a local name.
 */
import { isIP } from 'node:net'
import { quote } from '../protocol/errors.ts'

export type Asked = {
  host: string | undefined
  origin: string | undefined
  /** `Sec-Fetch-Site` and `Sec-Fetch-Mode`: set by browsers, out of reach of pages. */
  site: string | undefined
  mode: string | undefined
}

export type GuardOptions = {
  /** The one origin elsewhere whose pages may ask, or null. */
  corsOrigin: string | null
  /** A name of this host, even when it is a domain. */
  ownName: string
}

/** @returns why the request is refused, or null */
export function refusalOf({ host, origin, site, mode }: Asked, { corsOrigin, ownName }: GuardOptions): string | null {
  if (host !== undefined && !isOwnHost(host, ownName))
    return `this is not ${quote(host)}: use an IP address, a name without dots, or ADVERTISE_HOST`
  if (origin !== undefined) {
    const same = host !== undefined && [`http://${host}`, `https://${host}`].includes(origin)
    if (same || origin === corsOrigin) return null
    return `pages of ${quote(origin)} may not ask here; HTTP_CORS_ORIGIN can allow one`
  }
  // What a page loads without CORS (an image, a script) carries no Origin. Following a link is harmless.
  const foreign = site === 'cross-site' || site === 'same-site'
  return foreign && mode !== 'navigate' ? 'pages of other sites may not ask here' : null
}

/** No public domain is an address or without a dot, so no rebinding leads here under one. */
function isOwnHost(host: string, ownName: string): boolean {
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.toLowerCase())
  if (name === null) return false
  const bare = (name[1] ?? name[2]!).replace(/\.$/, '')
  if (isIP(bare) !== 0 || bare === ownName.toLowerCase()) return true
  return bare !== '' && (!bare.includes('.') || bare.endsWith('.localhost'))
}
