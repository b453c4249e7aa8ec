/**
 * What goes into the replica and what comes out. The contract of the effects, carried out in the order given:
 *
 * - `write` puts whole lines at the end of a public file (no fsync). It is only asked for lines whose events a
 *   completed `commit` or `checkpoint` made durable here.
 * - `commit` appends the records and a commit line to the journal, fsyncs, and answers `committed`. One at a time.
 * - `checkpoint` makes everything written so far durable, then forgets the journal before it, and answers
 *   `checkpointed`. `carry` begins the new journal. One at a time.
 * - `stop` ends this server with a line that says why: going on would break a promise.
 * - `publish` and `send` may lose, repeat, delay and reorder.
 */
import type { Data } from '../protocol/envelope.ts'
import type { Refusal } from '../protocol/errors.ts'
import type { Instance, Origin, Position, ReplicaMessage, Seqs, View } from '../protocol/replica.ts'
import type { Query, WriteService } from '../protocol/service.ts'

/**
 * A request as the replica takes it. `token` comes back with the reply; `clock` is the client's, `stamp` the broker's:
 * the broker is one of us, so its clock is merged however far ahead.
 */
export type ClientRequest = { token: unknown; service: string; id: string; data: Data; clock: number; stamp: number }

export type Input =
  | { type: 'requests'; requests: ClientRequest[]; time: number }
  | { type: 'message'; message: ReplicaMessage }
  | { type: 'committed'; token: number }
  | { type: 'checkpointed'; token: number }
  | { type: 'view'; view: View }
  | { type: 'disk'; full: boolean }
  | { type: 'drain' }
  | { type: 'tick' }

export type Outcome = { data: Data; stale?: boolean } | { refusal: Refusal } | { query: Query; stale: boolean }

/** What a checkpoint records; it is also what a restart begins with. */
export type Checkpoint = { position: Position; ordered: Seqs; digest: string; clock: number }

/** An event that its subscribers may be told of, and the service that says what they are told. */
export type Delivery = {
  service: WriteService<unknown>
  body: Data
  id: string
  seq: number
  time: number
  clock: number
}

export type Effect =
  | { type: 'publish'; message: ReplicaMessage }
  | { type: 'send'; to: Instance; message: ReplicaMessage }
  | { type: 'copy'; to: Instance; from: Position; upTo: Position; view: number }
  | { type: 'commit'; token: number; records: Uint8Array[] }
  | { type: 'write'; log: string; lines: Uint8Array; first: Position; last: Position }
  | { type: 'checkpoint'; token: number; checkpoint: Checkpoint; snapshot: Data; carry: Uint8Array[] }
  | { type: 'reply'; token: unknown; outcome: Outcome }
  | { type: 'deliver'; event: Delivery; origin: Origin }
  | { type: 'report' }
  | { type: 'stop'; why: string }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; text: string; fields: Data }
