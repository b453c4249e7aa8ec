/**
 * What clients did against what the servers' files say. Every text is sent once (by one operation, retries included),
 * so a text is what an operation is recognised by in the files.
 */
import assert from 'node:assert/strict'
import { readOrigin } from '../../../src/protocol/replica.ts'
import type { Cluster } from './cluster.ts'
import { areEqual, assertPrefixes, linesOf, type PublicFiles } from './files.ts'
import { waitFor } from './wait.ts'

export type Operation = {
  /** Whoever shares an order by real time: what is sent after an answer comes after what was answered. */
  client: string
  /** The message; of a login the user, of a new channel its name. */
  text: string
  invokedAt: number
  /** null: no answer. */
  answeredAt: number | null
  /** `refused` is final and has no effect; `unknown` (no answer, or a retriable error) happened once or not at all. */
  result: 'ok' | 'refused' | 'unknown'
  /** What an error said, for messages; empty when there was none. */
  error: string
}

export type Findings = {
  /** Answered OK and not in the files. */
  lost: string[]
  /** In the files more than once. */
  doubled: string[]
  /** In the files although nobody sent it, or although it was refused. */
  phantom: string[]
  /** `later` before `earlier` although it was sent only after `earlier` had been answered. */
  misplaced: string[]
}

type Line = Record<string, unknown> & { n: number; clock: number; origin: string; seq: number; id: string }

/** Every line of every public file of a server, in the order of positions. */
export function orderedLines(files: PublicFiles, server: string): Line[] {
  const names = Object.keys(files[server] ?? {})
  const lines = names.flatMap((name) => linesOf(files, server, name)) as Line[]
  return lines.sort((a, b) => a.n - b.n)
}

/** Those whose messages the operations are; `everybody`: every line in every file must be one of the operations. */
export type Senders = ReadonlySet<unknown> | 'everybody'

/** What an operation with such a line has as its text; null when the line does not count. */
function textOf(line: Line, senders: Senders): string | null {
  const { message, channel, user, src } = line
  if (senders === 'everybody') return String(message ?? channel ?? user)
  return typeof message === 'string' && senders.has(user ?? src) ? message : null
}

/** Compares operations with one server's files. Messages of others than the senders (bots) do not count. */
export function compare(operations: readonly Operation[], senders: Senders, lines: readonly Line[]): Findings {
  const findings: Findings = { lost: [], doubled: [], phantom: [], misplaced: [] }
  const byText = new Map(operations.map((operation) => [operation.text, operation]))
  assert.equal(byText.size, operations.length, 'every operation must have a text of its own')
  const found: Operation[] = []
  const seen = new Set<string>()
  for (const line of lines) {
    const text = textOf(line, senders)
    // What was skipped has no effect: usually it repeats an id.
    if (text === null || line.skipped !== undefined) continue
    const operation = byText.get(text)
    if (seen.has(text)) findings.doubled.push(`${text} (${line.id})`)
    else if (operation === undefined) findings.phantom.push(`${text}: nobody sent it`)
    else if (operation.result === 'refused') findings.phantom.push(`${text}: it was refused (${operation.error})`)
    else found.push(operation)
    seen.add(text)
  }
  for (const { text, result } of operations) if (result === 'ok' && !seen.has(text)) findings.lost.push(text)
  findings.misplaced = misplaced(found)
  return findings
}

/** Walks from the end: nothing may come before what had been answered when it was sent. */
function misplaced(found: readonly Operation[]): string[] {
  const wrong: string[] = []
  const firstAnswered = new Map<string, Operation>()
  for (const later of found.toReversed()) {
    const earlier = firstAnswered.get(later.client)
    if (earlier !== undefined && earlier.answeredAt! < later.invokedAt)
      wrong.push(`${later.text} stands before ${earlier.text}`)
    if (later.result === 'ok' && (earlier === undefined || later.answeredAt! < earlier.answeredAt!))
      firstAnswered.set(later.client, later)
  }
  return wrong
}

/** Nothing of it is lost, doubled, made up or out of order on any server. */
export function assertHistory(operations: readonly Operation[], senders: Senders, files: PublicFiles): void {
  for (const server of Object.keys(files)) {
    const findings = compare(operations, senders, orderedLines(files, server))
    assert.deepEqual(findings, { lost: [], doubled: [], phantom: [], misplaced: [] }, server)
  }
}

/**
 * What must hold of any server's files, whatever anybody sent: positions 1, 2, 3 … over all files, one total order by
 * (clock, rank, incarnation), each origin's seq without a gap, and each id with an effect once; a refusal that was recorded
 * by itself is a repeat behind anything of its id, an event only behind another event (docs/replication.md, R10).
 */
export function assertOrder(files: PublicFiles, server: string): void {
  const seqs = new Map<string, number>()
  const lines = orderedLines(files, server)
  const [events, refusals] = [new Set<string>(), new Set<string>()]
  for (const [index, line] of lines.entries()) {
    const place = `${server}, position ${line.n}`
    assert.equal(line.n, index + 1, `${place}: positions have a gap or repeat`)
    assert.equal(line.seq, (seqs.get(line.origin) ?? 0) + 1, `${place}: seq of ${line.origin} has a gap or repeats`)
    seqs.set(line.origin, line.seq)
    assert.ok(index === 0 || precedes(lines[index - 1]!, line), `${place}: not in total order`)
    const isRepeat = line.skipped === 'duplicate'
    const isRefusal = line.log === 'refusals'
    const cameBefore = events.has(line.id) || (isRefusal && refusals.has(line.id))
    assert.equal(cameBefore, isRepeat, `${place}: id ${line.id} ${isRepeat ? 'is new' : 'came before'}`)
    ;(isRefusal ? refusals : events).add(line.id)
  }
}

function precedes(a: Line, b: Line): boolean {
  if (a.clock !== b.clock) return a.clock < b.clock
  const [first, second] = [readOrigin(a.origin)!, readOrigin(b.origin)!]
  return first.rank === second.rank ? first.incarnation < second.incarnation : first.rank < second.rank
}

/**
 * Waits, with nobody writing any more, until all servers have the same files, and checks them.
 * @returns how long that took, milliseconds
 */
export async function assertSettled(
  cluster: Pick<Cluster, 'publicFiles' | 'log'>,
  operations: readonly Operation[],
  users: readonly string[] | 'everybody',
  servers = 3,
): Promise<number> {
  const from = Date.now()
  const senders: Senders = typeof users === 'string' ? users : new Set(users)
  let files: PublicFiles = {}
  await waitFor(
    () => {
      files = cluster.publicFiles()
      assertPrefixes(files)
      if (Object.keys(files).length !== servers || !areEqual(files)) return false
      return compare(operations, senders, orderedLines(files, 'server-1')).lost.length === 0
    },
    () => `equal files with everything that was answered OK: ${describe(files, operations, senders)}`,
  )
  assertHistory(operations, senders, files)
  for (const server of Object.keys(files)) assertOrder(files, server)
  return Date.now() - from
}

function describe(files: PublicFiles, operations: readonly Operation[], senders: Senders): string {
  const servers = Object.keys(files).map((server) => {
    const lines = orderedLines(files, server)
    const { lost } = compare(operations, senders, lines)
    return `${server} has ${lines.length} lines, misses ${lost.length}${lost.length > 0 ? ` (${lost.slice(0, 3)} …)` : ''}`
  })
  return servers.join('; ')
}
