/**
 * Copying public lines from another server: a learner does it until it is nearly level, a member that is behind does
 * it inside a view change, up to exactly the position that the flushes decided. Lines are journalled before they are
 * written to the public files, so that a restart can tell them from what a power cut left.
 */
import type { CopiedMessage, CopyMessage, Instance } from '../protocol/replica.ts'
import { copiedRecord } from './journal.ts'
import { type ParsedLine, parseLine, spans, textOf } from './lines.ts'
import { absorbLine } from './ordering.ts'
import { stopIfDifferent } from './sameness.ts'
import { journal, type Replica, say, stamp } from './state.ts'

const COPY_AGAIN_MS = 400
const LEVEL_AGAIN_MS = 500
const HELLO_MS = 250
/** A learner this near to its giver asks to be admitted; the view change moves the rest. */
const NEARLY_LEVEL = 1000

/** Asks for the next piece when one is wanted, and takes in the piece whose commit is done. */
export function progressCopy(r: Replica): void {
  absorbReceived(r)
  if (r.copying.received !== null) return
  const to = wantedUpTo(r)
  if (to === undefined) return
  const pause = r.level && r.change === null ? LEVEL_AGAIN_MS : COPY_AGAIN_MS
  if (r.copying.askedAt !== 0 && r.now - r.copying.askedAt < pause) return
  const givers = r.change !== null ? r.change.givers : [...r.peers.values()].map((peer) => peer.member.instance)
  const others = givers.filter((giver) => giver !== r.instance)
  if (others.length === 0) return
  const giver = others[r.copying.attempt++ % others.length]!
  r.copying.askedAt = r.now
  send(r, giver, to)
}

function send(r: Replica, giver: Instance, to: number | null): void {
  const copy = stamp(r, { type: 'copy', from: r.position, to, view: r.known?.number ?? 0 })
  r.effects.push({ type: 'send', to: giver, message: copy })
}

/** Up to which position lines are wanted now: undefined none, null all there are. */
function wantedUpTo(r: Replica): number | null | undefined {
  if (r.change !== null) return r.change.phase === 'copy' && r.position < r.change.target ? r.change.target : undefined
  return r.origin === null && r.known !== null ? null : undefined
}

/** Answers a request for lines. One who knows a newer view than the asker says so instead of giving. */
export function answerCopy(r: Replica, copy: CopyMessage): void {
  const view = r.known?.number ?? 0
  const newer = copy.to !== null && view > copy.view
  const upTo = newer ? copy.from : Math.min(copy.to ?? r.position, r.position)
  if (copy.from > upTo && copy.to !== null) return
  r.effects.push({ type: 'copy', to: copy.instance, from: copy.from, upTo: Math.max(copy.from, upTo), view })
}

/** Takes lines, when they are the next ones and in order. */
export function takeCopied(r: Replica, message: CopiedMessage): void {
  if (message.view > (r.known?.number ?? 0)) r.effects.push({ type: 'report' })
  const to = wantedUpTo(r)
  if (to === undefined || r.copying.received !== null || message.from !== r.position) return
  if (!stopIfDifferent(r, message)) return
  if (r.origin === null) r.level = message.position - message.to <= NEARLY_LEVEL
  if (message.to === message.from || (to !== null && message.to > to)) return
  const lines = readLines(message)
  if (lines === null) return say(r, 'error', 'copied lines are damaged; asking another server', { from: message.rank })
  r.copying.received = {
    files: message.files,
    lines,
    token: journal(r, copiedRecord(message.from, message.to, message.files)),
  }
}

/** Reads the lines of all files in order of position; null unless they are exactly the stated positions. */
export function readLines(message: Pick<CopiedMessage, 'from' | 'to' | 'files'>): ParsedLine[] | null {
  const lines: ParsedLine[] = []
  for (const [log, bytes] of message.files) {
    let whole = 0
    for (const [start, end] of spans(bytes)) {
      const line = parseLine(textOf(bytes, start, end), log)
      if (line === null) return null
      lines.push(line)
      whole = end
    }
    if (whole !== bytes.length) return null
  }
  lines.sort((a, b) => a.n - b.n)
  if (lines.length !== message.to - message.from) return null
  return lines.every((line, i) => line.n === message.from + 1 + i) ? lines : null
}

function absorbReceived(r: Replica): void {
  const received = r.copying.received
  if (received === null || r.committed < received.token) return
  for (const line of received.lines) absorbLine(r, line)
  for (const [log, lines] of received.files) {
    const of = received.lines.filter((line) => (line.skipped === null ? line.log : 'skipped') === log)
    const first = of[0]
    if (first !== undefined) r.effects.push({ type: 'write', log, lines, first: first.n, last: of[of.length - 1]!.n })
  }
  r.copying = { attempt: r.copying.attempt, askedAt: 0, received: null }
}

/** A level learner makes itself heard, so that members can tell `ref` that they hear it. */
export function sayHello(r: Replica): void {
  if (r.origin !== null || !r.level || r.now - r.helloAt < HELLO_MS) return
  r.helloAt = r.now
  r.effects.push({ type: 'publish', message: stamp(r, { type: 'hello', writes: r.app.writes }) })
}
