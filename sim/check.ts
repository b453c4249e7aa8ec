/**
 * The invariants that can be seen in files and states, checked at every write, step and restart: 1 prefixes, and what was
 * at a position once is there for ever; 3 nothing that nobody asked for; 4 sequence and clock of every origin, the total
 * order, clocks that never go back; and that the core's memory is bounded. And what would only show with more bad luck: a
 * server.json that states what is not durable, damage that is not noticed, a view that a quorum of the last is not in.
 * Invariants about answers are in operations.ts, the sixth, convergence, in cluster.ts.
 */
import { type ParsedLine, parseLine, spans, textOf } from '../src/core/lines.ts'
import type { Replica } from '../src/core/replica.ts'
import { readOrigin, type View } from '../src/protocol/replica.ts'
import type { Disk } from './disk.ts'
import { append, contents, createFile, durable, type SimFile } from './file.ts'
import { addedTooMuch, type Kept, keptOf, overgrown } from './memory.ts'
import { createQuorums } from './quorums.ts'

export type Check = {
  written(rank: number, log: string, at: number, bytes: Uint8Array): void
  stepped(rank: number, replica: Replica): void
  stopped(rank: number, disk: Disk, power: boolean): void
  /** @param suspect something happened to the disk: its files may be shorter than they were */
  restarted(rank: number, disk: Disk, suspect: boolean): void
  /** @param spoiled what was done to its disk before  @param damaged what its recovery set aside for damaged */
  recovered(rank: number, spoiled: string | null, damaged: string | null): void
  /** It has written a server.json. */
  stated(rank: number, disk: Disk): void
  issued(view: View): void
  complained(rank: number, text: string): void
  asked(id: string): void
  fail(what: string): void
  finish(): void
  /** Every line that any server ever wrote, by position. */
  readonly lines: ReadonlyMap<number, ParsedLine>
  readonly failures: string[]
}

/** The core's memory is looked at every so many steps. */
const LOOK_EVERY = 32

export function createCheck(note: (text: string) => void): Check {
  const truth = new Map<string, SimFile>()
  const lines = new Map<number, ParsedLine>()
  const asked = new Set<string>()
  const failures: string[] = []
  /** How long files were when a process was killed, per rank and log. */
  const lengths = new Map<string, number>()
  const clocks = new Map<string, number>()
  const quorums = createQuorums()
  const kept = new Map<string, Kept>()
  let steps = 0
  let newest = 0
  const fail = (what: string): void => {
    note(`FAILED: ${what}`)
    failures.push(what)
  }
  const truthOf = (log: string): SimFile => {
    let file = truth.get(log)
    if (file === undefined) {
      file = createFile()
      truth.set(log, file)
    }
    return file
  }
  const learn = (log: string, bytes: Uint8Array): void => {
    let whole = 0
    for (const [start, end] of spans(bytes)) {
      const line = parseLine(textOf(bytes, start, end), log)
      whole = end
      if (line === null) {
        fail(`${log}: unreadable line`)
        continue
      }
      if (lines.has(line.n)) fail(`position ${line.n} stands in two lines (${lines.get(line.n)!.id}, ${line.id})`)
      lines.set(line.n, line)
      if (!asked.has(line.id)) fail(`${log} ${line.n}: nobody asked for ${line.id}`)
    }
    if (whole !== bytes.length) fail(`${log}: a write does not end with a line`)
  }

  const written: Check['written'] = (rank, log, at, bytes) => {
    const file = truthOf(log)
    const known = contents(file)
    const overlap = Math.min(known.length - at, bytes.length)
    if (overlap < 0) return fail(`server ${rank} leaves a hole in ${log}`)
    if (Buffer.compare(known.subarray(at, at + overlap), bytes.subarray(0, overlap)) !== 0)
      fail(`server ${rank} writes other bytes than another server in ${log} at ${at}`)
    if (overlap >= bytes.length) return
    learn(log, bytes.subarray(overlap))
    append(file, bytes.subarray(overlap))
    file.unsynced = []
  }

  return {
    failures,
    lines,
    fail,
    asked: (id) => asked.add(id),
    complained: (rank, text) => fail(`server ${rank} complains: ${text}`),
    written,
    stepped(rank, replica) {
      const { instance, clock } = replica
      if (clock < (clocks.get(instance) ?? 0)) fail(`server ${rank}: its Lamport clock went back to ${clock}`)
      clocks.set(instance, clock)
      quorums.stepped(replica)
      const added = addedTooMuch(replica, kept.get(instance))
      kept.set(instance, keptOf(replica))
      const wrong = added ?? (++steps % LOOK_EVERY === 0 ? overgrown(replica, newest) : null)
      if (wrong !== null) fail(`server ${rank} keeps too much: ${wrong}`)
    },
    stopped(rank, disk, power) {
      for (const [log, file] of disk.files) {
        if (power) lengths.delete(`${rank} ${log}`)
        else lengths.set(`${rank} ${log}`, file.length)
      }
    },
    /** A kill never makes a file shorter; a power cut may, to whole lines without a gap. */
    restarted(rank, disk, suspect) {
      for (const [log, file] of disk.files) {
        // It may have written what the process was killed before it could.
        written(rank, log, 0, contents(file))
        const before = lengths.get(`${rank} ${log}`) ?? 0
        if (!suspect && file.length < before)
          fail(`server ${rank}: a kill made ${log} shorter (${before} → ${file.length})`)
      }
    },
    /** What was damaged after it had been durable is never taken for what a power cut tore. */
    recovered(rank, spoiled, damaged) {
      for (const part of ['journal', 'server.json'])
        if (spoiled?.endsWith(` in ${part}`) && damaged !== part)
          fail(`server ${rank} starts from a damaged ${part} as if it were whole (${spoiled})`)
    },
    /** Repair, and the journal that goes next, rest on it: what it says of a file is on the disk already. */
    stated(rank, { saved, files }) {
      for (const [log, { length }] of saved?.files ?? []) {
        const there = durable(files.get(log)!)
        if (there < length) fail(`server ${rank} states ${length} bytes of ${log}, of which ${there} are durable`)
      }
    },
    issued(view) {
      newest = Math.max(newest, view.number)
      const wrong = quorums.issued(view)
      if (wrong !== null) fail(wrong)
    },
    finish: () => checkOrder(lines, fail),
  }
}

function checkOrder(lines: ReadonlyMap<number, ParsedLine>, fail: (what: string) => void): void {
  const seqs = new Map<string, number>()
  let last: ParsedLine | null = null
  for (let n = 1; n <= lines.size; n++) {
    const line = lines.get(n)
    if (line === undefined) return fail(`position ${n} is missing`)
    if (line.seq !== (seqs.get(line.origin) ?? 0) + 1) fail(`${line.origin}: seq ${line.seq} at position ${n}`)
    seqs.set(line.origin, line.seq)
    if (last !== null && !sorted(last, line))
      fail(`position ${n} is out of the total order (${last.clock} ${last.origin}, ${line.clock} ${line.origin})`)
    last = line
  }
}

function sorted(a: ParsedLine, b: ParsedLine): boolean {
  if (a.clock !== b.clock) return a.clock < b.clock
  const from = readOrigin(a.origin)!
  const to = readOrigin(b.origin)!
  return from.rank !== to.rank ? from.rank < to.rank : from.incarnation < to.incarnation
}
