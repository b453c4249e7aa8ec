/** The replica's state: one plain object, changed only inside `step`. */
import type { Data } from '../protocol/envelope.ts'
import type { Refusal } from '../protocol/errors.ts'
import type {
  CopiedMessage,
  FlushMessage,
  Installed,
  Instance,
  Member,
  Origin,
  Position,
  Rank,
  ReplicaMessage,
  Seqs,
  View,
} from '../protocol/replica.ts'
import type { Application, ReadService, WriteService } from '../protocol/service.ts'
import type { Digest } from './hash.ts'
import { tick } from './lamport.ts'
import type { LineWriter, ParsedLine } from './lines.ts'
import { createOriginLog, type OriginLog } from './origin_log.ts'
import type { Checkpoint, Effect } from './types.ts'
import type { Window } from './window.ts'

export type Options = {
  /** How long a request may take before it is answered `unavailable`, ms. */
  requestTimeoutMs: number
  /** Journal bytes after which a checkpoint is made. */
  checkpointBytes: number
  /** Bytes of events kept for a lagging member before it is reported. */
  lagBytes: number
  /** Own events that wait for their order, and bytes of them, beyond which no more are made. */
  unorderedEvents: number
  unorderedBytes: number
  windowPositions: number
}

export const DEFAULT_OPTIONS: Options = {
  requestTimeoutMs: 5000,
  checkpointBytes: 32 << 20,
  lagBytes: 48 << 20,
  unorderedEvents: 50_000,
  unorderedBytes: 16 << 20,
  windowPositions: 1_000_000,
}

/** Another member of the newest known view. */
export type Peer = {
  member: Member
  /** In the installed view too: only then what it holds counts. */
  counts: boolean
  /** Its confirmed promise in the installed view: everything it made up to this clock is held here. */
  promise: number
  promisedAt: number
  pending: { clock: number; made: number } | null
  have: Map<Origin, number>
  /** R10: how far it holds this server's events in memory; it says so as long as a refusal there is not on its disk. */
  heldOfOurs: number
  ordered: Position
  heardAt: number
  flush: FlushMessage | null
  /** It acknowledged in the newest known view: it needs no flush any more. */
  ackedView: boolean
  waitingSince: number
}

/** A client's write until its event is ordered. Answered waiters stay, so that retries find them. */
export type Waiter = {
  id: string
  service: WriteService<unknown>
  request: Data
  body: Data
  /** R10: what is told if no event of the id turns up; null for a waiter whose event that is. */
  refusal: Refusal | null
  tokens: unknown[]
  seq: number
  time: number
  clock: number
  deadline: number
}

/** What waits until the state is known to hold everything up to clock `c`: a request, or a refusal that all hold. */
export type Waiting = { c: number; since: number } & (WaitingRequest | { refused: Waiter })
export type WaitingRequest = {
  token: unknown
  id: string
  request: Data
  service: ReadService<unknown> | WriteService<unknown>
}

export type Change = {
  /** `different`: a member has other services, so nothing comes of this view. */
  phase: 'freeze' | 'collect' | 'different' | 'copy' | 'fetch' | 'checkpoint' | 'record'
  /** The commit or checkpoint that this phase waits for; 0 before it was asked for. */
  token: number
  startedAt: number
  /** From here on: what the flushes of all members decided. */
  target: Position
  givers: Instance[]
  seals: Seqs
  targets: Map<Origin, number>
}

/** Public lines on their way from another server. */
export type Copying = {
  attempt: number
  /** When it was asked for; 0 when the next piece may be asked for at once. */
  askedAt: number
  /** Lines received and checked, until the commit that holds them is done. */
  received: { files: CopiedMessage['files']; lines: ParsedLine[]; token: number } | null
}

export type Replica = {
  readonly rank: Rank
  readonly instance: Instance
  readonly options: Options
  readonly app: Application
  state: unknown
  now: number
  time: number
  clock: number
  known: View | null
  /** The record of the last installed view; `active` says that it is the newest known one and we are in it. */
  installed: Installed | null
  active: boolean
  fresh: boolean
  origin: Origin | null
  own: OriginLog | null
  peers: Map<Rank, Peer>
  logs: Map<Origin, OriginLog>
  /** What was ordered of origins that have no log in memory. */
  past: Map<Origin, number>
  position: Position
  digest: Digest
  window: Window
  waiters: Map<string, Waiter>
  /** Own waiters in order of seq, until durable. */
  undurable: Waiter[]
  /** R10: own refusals in order of seq, until every member holds them. */
  refusing: Waiter[]
  waiting: Waiting[]
  change: Change | null
  /** Our flush in the newest known view, repeated until every member has acknowledged there. */
  flush: FlushMessage | null
  flushedAt: number
  copying: Copying
  level: boolean
  hears: Map<Instance, number>
  draining: boolean
  /** Bytes of own events that waited for their order at the last tick. */
  unorderedBytes: number
  diskFull: boolean
  diverged: boolean
  // What this step has gathered.
  effects: Effect[]
  newHead: [clock: number, log: string, id: string][]
  newLines: string[]
  writers: Map<string, LineWriter>
  // Journal and checkpoints.
  pending: Uint8Array[]
  marks: Map<OriginLog, number>
  commit: { token: number; marks: Map<OriginLog, number> } | null
  committed: number
  token: number
  journalBytes: number
  checkpoint: number | null
  // Acknowledgements.
  ackDue: boolean
  ackedAt: number
  /** The clock that the last ack promised. */
  promised: number
  /** The next ack asks the others to promise `asked`. */
  askDue: boolean
  askedAt: number
  asked: number
  /** The ranks that `ref` was last told are silent. */
  reportedSilent: string
  helloAt: number
  eventsOrdered: Map<Rank, number>
  orderedLoggedAt: number
}

/** What a restart found on disk; `recovery.ts` makes it. */
export type Restored = {
  checkpoint: Checkpoint
  state: unknown
  window: Window
  known: View | null
  installed: Installed | null
  logs: Map<Origin, OriginLog>
}

export const logOf = (r: Replica, origin: Origin): OriginLog => {
  let log = r.logs.get(origin)
  if (log === undefined) {
    log = createOriginLog(origin, r.past.get(origin) ?? 0)
    r.past.delete(origin)
    r.logs.set(origin, log)
  }
  return log
}

/** What is ordered of every origin, sorted so that equal states look equal. */
export function orderedSeqs(r: Replica): Seqs {
  const all: [Origin, number][] = [...r.past]
  for (const log of r.logs.values()) if (log.ordered > 0) all.push([log.origin, log.ordered])
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Appends a record to the journal's next group; returns the token of the commit that will hold it. */
export function journal(r: Replica, pieces: readonly Uint8Array[]): number {
  for (const piece of pieces) {
    r.pending.push(piece)
    r.journalBytes += piece.length
  }
  return r.token + 1
}

type WithoutFrom<M> = M extends ReplicaMessage ? Omit<M, 'rank' | 'instance' | 'clock'> : never

/** Stamps a message by the Lamport rule: +1 before each send. */
export function stamp(r: Replica, message: WithoutFrom<ReplicaMessage>): ReplicaMessage {
  r.clock = tick(r.clock)
  return { ...message, rank: r.rank, instance: r.instance, clock: r.clock } as ReplicaMessage
}

export function say(r: Replica, level: 'debug' | 'info' | 'warn' | 'error', text: string, fields: Data = {}): void {
  r.effects.push({ type: 'log', level, text, fields: { ...fields, clock: r.clock } })
}
