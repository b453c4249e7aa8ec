/** Checkpoints: when to make one, and what the journal that follows must begin with. */

import { showDigest } from './hash.ts'
import { addRun, eventsRecord, installedRecord, knownRecord } from './journal.ts'
import { eventAt, takeBatch } from './origin_log.ts'
import { orderedSeqs, type Replica } from './state.ts'

/**
 * What carrying out a checkpoint does, each step durable before the next: the new journal with what it carries; the public
 * files; registry.json; server.json, which makes it the checkpoint; and only then the old journal goes.
 */
export const CHECKPOINT_STEPS = ['journal', 'files', 'registry', 'server', 'forget'] as const
export type CheckpointStep = (typeof CHECKPOINT_STEPS)[number]

/** Asks for a checkpoint of the order as it stands; returns its token. */
export function startCheckpoint(r: Replica): number {
  const token = ++r.token
  r.checkpoint = token
  r.journalBytes = 0
  const checkpoint = { position: r.position, ordered: orderedSeqs(r), digest: showDigest(r.digest), clock: r.clock }
  r.effects.push({ type: 'checkpoint', token, checkpoint, snapshot: r.app.snapshot(r.state), carry: carry(r) })
  return token
}

/** Makes one when the journal has grown enough. */
export function checkpointIfDue(r: Replica): void {
  // Lines under way from another server are in the old journal only, until they are written.
  if (r.checkpoint !== null || r.change !== null || r.copying.received !== null) return
  if (r.journalBytes >= r.options.checkpointBytes) startCheckpoint(r)
}

/** What of the old journal is still needed: the views, and the events that are not in the public files yet. */
function carry(r: Replica): Uint8Array[] {
  const pieces: Uint8Array[] = []
  if (r.known !== null) pieces.push(...knownRecord(r.known))
  if (r.installed !== null) pieces.push(...installedRecord(r.installed))
  for (const log of r.logs.values()) {
    // Not yet committed ones too: their own commit may be under way in the old journal.
    for (let from = log.ordered + 1; from <= log.held; ) {
      const { head, lines } = takeBatch(log, from, log.held, 1 << 20)
      const runs: [string, number][] = []
      for (let i = 0; i < head.length; i++) addRun(runs, eventAt(log, from + i).log)
      pieces.push(...eventsRecord(log.origin, from, runs, lines))
      from += head.length
    }
  }
  return pieces
}
