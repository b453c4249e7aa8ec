/**
 * What servers tell each other: on the topic `replica/<rank>` and on the peer channel. Every message is an envelope
 * `{service: type, data}`; this file says what each `data` holds and refuses anything else.
 */
import { type Data, isMap } from './envelope.ts'

export type Rank = number & { readonly brand: 'rank' }
/** One stretch of membership of a server: `server-<rank>@<number of the view in which it began>`. */
export type Origin = string & { readonly brand: 'origin' }
/** The random id that a process draws when it starts. */
export type Instance = string & { readonly brand: 'instance' }
/** How many events have been ordered. */
export type Position = number
/** Per origin, a sequence number: what is held, or ordered. */
export type Seqs = Record<Origin, number>

export type Endpoint = { peer: string; pub: string }
export type Member = { rank: Rank; origin: Origin; instance: Instance; endpoint: Endpoint }
/** A view's identity: both are compared, since a `ref` that lost its state might repeat a number. */
export type ViewId = { number: number; nonce: string }
export type View = ViewId & { quorum: number; members: Member[] }
/** A view that a server installed: where the order stood, and where every closed origin ends. */
export type Installed = { view: View; position: Position; seals: Seqs }

/** `[clock, log, id, bytes of the line]`: what a peer needs to order an event without parsing its line. */
export type Head = [clock: number, log: string, id: string, bytes: number]

/** The sender's writing services, each in words: servers that differ must not be in one view. */
type Writes = readonly string[]

type From = { rank: Rank; instance: Instance; clock: number }
export type EventsMessage = From & { type: 'events'; origin: Origin; from: number; head: Head[]; lines: Uint8Array }
export type AckMessage = From & {
  type: 'ack'
  origin: Origin
  /** The installed view in which `clock` and `made` are a promise, or null while there is none. */
  view: ViewId | null
  made: number
  have: Seqs
  /** R10: what is held in memory of origins with refusals that are not on disk here yet. */
  held: Seqs
  ordered: Position
  digest: string
  ask: number | null
}
export type FlushMessage = From & {
  type: 'flush'
  view: ViewId
  installed: Installed | null
  position: Position
  ordered: Seqs
  have: Seqs
  writes: Writes
}
export type HelloMessage = From & { type: 'hello'; writes: Writes }
export type FetchMessage = From & { type: 'fetch'; origin: Origin; from: number; to: number }
export type CopyMessage = From & { type: 'copy'; from: Position; to: Position | null; view: number }
/** Public lines from one consistent position to another; `position` is the giver's, `view` the newest it knows. */
export type CopiedMessage = From & {
  type: 'copied'
  from: Position
  to: Position
  position: Position
  view: number
  files: [log: string, lines: Uint8Array][]
  writes: Writes
}
export type ReplicaMessage =
  | EventsMessage
  | AckMessage
  | FlushMessage
  | HelloMessage
  | FetchMessage
  | CopyMessage
  | CopiedMessage

/** What a server tells `ref` with every heartbeat. */
export type Report = {
  rank: Rank
  instance: Instance
  origin: Origin | null
  /** No view was ever installed on this disk: it counts for no quorum. */
  fresh: boolean
  installed: ViewId | null
  /** The largest view number it has heard of, and the number of the last view that it ever installed. */
  known: number
  recorded: number
  /** The larger quorum of those two. */
  quorum: number
  position: Position
  /** It is in no view and asks to be admitted; `level` once it holds nearly all public lines. */
  joining: boolean
  level: boolean
  /** Members that keep it waiting, and joiners that it hears. */
  silent: Rank[]
  hears: Instance[]
}

/** The origin of a rank's membership that began in a view. */
export const makeOrigin = (rank: Rank, view: number): Origin => `server-${rank}@${view}` as Origin

/** Splits an origin, or null when the text is none. */
export function readOrigin(text: unknown): { rank: Rank; incarnation: number } | null {
  const match = typeof text === 'string' ? /^server-(\d{1,4})@(\d{1,15})$/.exec(text) : null
  return match === null ? null : { rank: Number(match[1]) as Rank, incarnation: Number(match[2]) }
}

export const sameView = (a: ViewId | null, b: ViewId | null): boolean =>
  a !== null && b !== null && a.number === b.number && a.nonce === b.nonce

/** The envelope of a message. */
export function replicaEnvelope(message: ReplicaMessage, timestamp: number): { service: string; data: Data } {
  const { type, ...data } = message
  return { service: type, data: { ...data, timestamp } }
}

/** Reads a decoded envelope; null when it is not a well-formed message between servers. */
export function readReplicaMessage(value: unknown): ReplicaMessage | null {
  if (!isMap(value) || !isMap(value.data)) return null
  const data = value.data
  if (!isCount(data.rank) || data.rank < 1 || typeof data.instance !== 'string' || !isCount(data.clock)) return null
  const from: From = { rank: data.rank as Rank, instance: data.instance as Instance, clock: data.clock }
  switch (value.service) {
    case 'events':
      return readEvents(from, data)
    case 'ack':
      return readAck(from, data)
    case 'flush':
      return readFlush(from, data)
    case 'hello':
      return isWrites(data.writes) ? { ...from, type: 'hello', writes: data.writes } : null
    case 'fetch':
      return isOrigin(data.origin) && isCount(data.from) && isCount(data.to)
        ? { ...from, type: 'fetch', origin: data.origin, from: data.from, to: data.to }
        : null
    case 'copy':
      return isCount(data.from) && (data.to === null || isCount(data.to)) && isCount(data.view)
        ? { ...from, type: 'copy', from: data.from, to: data.to, view: data.view }
        : null
    case 'copied':
      return readCopied(from, data)
    default:
      return null
  }
}

function readEvents(from: From, data: Data): EventsMessage | null {
  const { origin, head, lines } = data
  if (!isOrigin(origin) || !isCount(data.from) || data.from < 1) return null
  if (!Array.isArray(head) || head.length === 0 || !(lines instanceof Uint8Array)) return null
  let bytes = 0
  let clock = 0
  for (const entry of head) {
    if (!Array.isArray(entry) || entry.length !== 4) return null
    if (!isCount(entry[0]) || entry[0] <= clock || typeof entry[1] !== 'string' || typeof entry[2] !== 'string')
      return null
    if (!isCount(entry[3]) || entry[3] < 2) return null
    clock = entry[0]
    bytes += entry[3]
    if (bytes > lines.length || lines[bytes - 1] !== 10) return null
  }
  if (bytes !== lines.length) return null
  return { ...from, type: 'events', origin, from: data.from, head: head as Head[], lines }
}

function readAck(from: From, data: Data): AckMessage | null {
  const { origin, view, made, have, held, ordered, digest, ask } = data
  if (!isOrigin(origin) || !(view === null || isViewId(view)) || !isCount(made) || !isSeqs(have)) return null
  if (!isSeqs(held) || !isCount(ordered) || typeof digest !== 'string' || !(ask === null || isCount(ask))) return null
  return { ...from, type: 'ack', origin, view, made, have, held, ordered, digest, ask }
}

function readFlush(from: From, data: Data): FlushMessage | null {
  const { view, installed, position, ordered, have, writes } = data
  if (!isWrites(writes) || !isViewId(view) || !isCount(position) || !isSeqs(ordered) || !isSeqs(have)) return null
  if (installed !== null && !isInstalled(installed)) return null
  return { ...from, type: 'flush', view, installed, position, ordered, have, writes }
}

function readCopied(from: From, data: Data): CopiedMessage | null {
  const { to, position, view, files, writes } = data
  if (!isWrites(writes)) return null
  if (!isCount(data.from) || !isCount(to) || !isCount(position) || !isCount(view) || !Array.isArray(files)) return null
  for (const file of files) {
    if (!Array.isArray(file) || typeof file[0] !== 'string' || !(file[1] instanceof Uint8Array)) return null
  }
  return {
    ...from,
    type: 'copied',
    from: data.from,
    to,
    position,
    view,
    files: files as [string, Uint8Array][],
    writes,
  }
}

/** Reads a report from a heartbeat's data; null when it is not one (a course server sends only its name). */
export function readReport(data: Data): Report | null {
  const { rank, instance, origin, fresh, installed, known, recorded, quorum, position, joining, level } = data
  const { silent, hears } = data
  if (!isCount(rank) || rank < 1 || typeof instance !== 'string' || !(origin === null || isOrigin(origin))) return null
  if (typeof fresh !== 'boolean' || typeof joining !== 'boolean' || typeof level !== 'boolean') return null
  if (!(installed === null || isViewId(installed)) || !isCount(known) || !isCount(position)) return null
  if (!isCount(recorded) || !isCount(quorum)) return null
  if (!Array.isArray(silent) || !silent.every(isCount)) return null
  if (!Array.isArray(hears) || !hears.every((one) => typeof one === 'string')) return null
  const who = { rank: rank as Rank, instance: instance as Instance, origin, fresh, installed }
  const lists = { silent: silent as Rank[], hears: hears as Instance[] }
  return { ...who, known, recorded, quorum, position, joining, level, ...lists }
}

/** Whether a decoded value is a view as `ref` issues it. */
export function isView(value: unknown): value is View {
  if (!isMap(value) || !isViewId(value)) return false
  const { quorum, members } = value as Data
  return isCount(quorum) && Array.isArray(members) && members.every(isMember)
}

function isMember(value: unknown): value is Member {
  if (!isMap(value) || !isCount(value.rank) || !isOrigin(value.origin) || typeof value.instance !== 'string')
    return false
  return isEndpoint(value.endpoint)
}

export const isEndpoint = (value: unknown): value is Endpoint =>
  isMap(value) && typeof value.peer === 'string' && typeof value.pub === 'string'

export const isInstalled = (value: unknown): value is Installed =>
  isMap(value) && isView(value.view) && isCount(value.position) && isSeqs(value.seals)

export const isViewId = (value: unknown): value is ViewId =>
  isMap(value) && isCount(value.number) && typeof value.nonce === 'string'

export const isOrigin = (value: unknown): value is Origin => readOrigin(value) !== null

export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

const isWrites = (value: unknown): value is Writes =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const isSeqs = (value: unknown): value is Seqs =>
  isMap(value) && Object.entries(value).every(([origin, seq]) => isOrigin(origin) && isCount(seq))
