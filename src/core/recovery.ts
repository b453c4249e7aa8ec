/**
 * Restart: from what the disk holds to a replica's state.
 *
 * Beyond the last checkpoint tails.ts decides: a public line is kept when it is whole, continues the positions without a
 * gap across all files, and is what the journal says it must be; what is missing is written; the rest is cut (only a
 * power cut leaves any). Then the journal's events are taken up again, every origin up to its first gap and its seal.
 */

import { readCode } from '../protocol/errors.ts'
import type { Origin, Seqs } from '../protocol/replica.ts'
import type { Application } from '../protocol/service.ts'
import { readDigest, showDigest } from './hash.ts'
import type { JournalRecord } from './journal.ts'
import { type ParsedLine, parseLine, REFUSALS, spans, textOf } from './lines.ts'
import { applyLine, foldLine, rankOf, takePlace } from './ordering.ts'
import { appendBatch, createOriginLog, cutAt, type OriginLog } from './origin_log.ts'
import type { Restored } from './state.ts'
import { continueTails, keyOf } from './tails.ts'
import type { Checkpoint } from './types.ts'
import { createWindow, type Window } from './window.ts'

export const EMPTY_CHECKPOINT: Checkpoint = { position: 0, ordered: {}, digest: '0000000000000000', clock: 0 }

export type Found = {
  checkpoint: Checkpoint
  /** The services' state at the checkpoint. */
  state: unknown
  /** With the ids of the lines up to the checkpoint (`rememberLines`). */
  window: Window
  /** Per public file, the bytes behind the checkpoint. */
  tails: Map<string, Uint8Array>
  journal: JournalRecord[]
}

export type Recovery = {
  restored: Restored
  /** Per public file, how many bytes of its tail stay. */
  keep: Map<string, number>
  /** Per public file, lines to append behind those. */
  append: Map<string, Uint8Array>
}

/** Makes the state to start with. Pure: the caller cuts and appends. */
export function recover(app: Application, found: Found): Recovery {
  const journalled = indexJournal(found.journal)
  const fold = {
    app,
    state: found.state,
    window: found.window,
    digest: readDigest(found.checkpoint.digest),
    position: found.checkpoint.position,
    clock: found.checkpoint.clock,
  }
  const ordered: Seqs = { ...found.checkpoint.ordered }
  const { keep, append } = continueTails(found.tails, journalled, {
    get position() {
      return fold.position
    },
    ordered,
    apply(line) {
      applyLine(fold, line)
      ordered[line.origin] = line.seq
    },
    order(line, written) {
      // A service that was taken away since cannot say any more what it said then.
      const isKnown = line.log === REFUSALS || app.logs.includes(line.log)
      const decide = isKnown ? foldLine : () => readCode(written)
      const { reason } = takePlace(fold, line, rankOf(line), line.seq, decide)
      fold.clock = Math.max(fold.clock, line.clock)
      ordered[line.origin] = line.seq
      return reason
    },
  })
  const { known, installed } = journalled
  const logs = rebuildLogs(found.journal, ordered, installed)
  for (const log of logs.values()) for (const event of log.events) fold.clock = Math.max(fold.clock, event.clock)
  const checkpoint = { position: fold.position, ordered, digest: showDigest(fold.digest), clock: fold.clock }
  return { restored: { checkpoint, state: fold.state, window: fold.window, known, installed, logs }, keep, append }
}

type Index = {
  events: Map<string, { log: string; bytes: Uint8Array }>
  copied: Map<number, { log: string; bytes: Uint8Array }>
  known: Restored['known']
  installed: Restored['installed']
}

function indexJournal(records: readonly JournalRecord[]): Index {
  const index: Index = { events: new Map(), copied: new Map(), known: null, installed: null }
  for (const record of records) {
    if (record.type === 'known') {
      if (record.view.number >= (index.known?.number ?? 0)) index.known = record.view
    } else if (record.type === 'installed') index.installed = record.installed
    else if (record.type === 'events') {
      let seq = record.from
      for (const [log, bytes] of eventLines(record)) index.events.set(keyOf(record.origin, seq++), { log, bytes })
    } else {
      for (const [log, lines] of record.files) {
        for (const [start, end] of spans(lines)) {
          const line = parseLine(textOf(lines, start, end), log)
          if (line !== null) index.copied.set(line.n, { log, bytes: lines.subarray(start, end) })
        }
      }
    }
  }
  return index
}

function rebuildLogs(
  records: readonly JournalRecord[],
  ordered: Seqs,
  installed: Restored['installed'],
): Restored['logs'] {
  const logs: Restored['logs'] = new Map()
  for (const record of records) {
    if (record.type !== 'events') continue
    let log = logs.get(record.origin)
    if (log === undefined) {
      log = createOriginLog(record.origin, ordered[record.origin] ?? 0)
      logs.set(record.origin, log)
    }
    if (record.from > log.held + 1) continue
    const head = [...eventLines(record)].map(([name, bytes]) => {
      const line = parseLine(textOf(bytes, 0, bytes.length), name)
      if (line === null) throw new Error(`the journal has an unreadable event of ${record.origin}`)
      return [line.clock, name, line.id, bytes.length] as [number, string, string, number]
    })
    appendBatch(log, record.from, head, record.lines)
  }
  for (const log of [...logs.values()]) {
    log.committed = log.held
    if (!survives(log, installed)) logs.delete(log.origin)
  }
  return logs
}

/** Cuts a log at its seal; false when nothing of it is to be kept. */
function survives(log: OriginLog, installed: Restored['installed']): boolean {
  if (installed !== null) {
    const { view, seals } = installed
    const seal = seals[log.origin]
    if (seal !== undefined) cutAt(log, Math.max(seal, log.ordered))
    else if (log.incarnation <= view.number && !view.members.some((member) => member.origin === log.origin))
      return false
  }
  return log.held > log.ordered || isMember(log.origin, installed)
}

const isMember = (origin: Origin, installed: Restored['installed']): boolean =>
  installed?.view.members.some((member) => member.origin === origin) ?? false

function* eventLines(record: Extract<JournalRecord, { type: 'events' }>): Generator<[log: string, bytes: Uint8Array]> {
  const lines = spans(record.lines)
  for (const [log, count] of record.logs) {
    for (let i = 0; i < count; i++) {
      const next = lines.next()
      if (next.done) throw new Error(`the journal has fewer lines of ${record.origin} than it says`)
      yield [log, record.lines.subarray(next.value[0], next.value[1])]
    }
  }
}

/** What a server begins with whose disk is empty. */
export function emptyFound(app: Application, windowPositions: number): Found {
  const window = createWindow(windowPositions)
  return { checkpoint: EMPTY_CHECKPOINT, state: app.create(), window, tails: new Map(), journal: [] }
}

/** The services' state from nothing but the public lines: for a snapshot that is missing or of another position. */
export function foldState(app: Application, files: ReadonlyMap<string, Uint8Array>): unknown {
  const state = app.create()
  const lines: ParsedLine[] = []
  for (const [log, bytes] of files) {
    if (!app.folds.has(log)) continue
    for (const [start, end] of spans(bytes)) {
      const line = parseLine(textOf(bytes, start, end), log)
      if (line === null) throw new Error(`${log}.jsonl has an unreadable line at byte ${start}`)
      lines.push(line)
    }
  }
  lines.sort((a, b) => a.n - b.n)
  for (const line of lines) app.folds.get(line.log)?.apply?.(line, state)
  return state
}
