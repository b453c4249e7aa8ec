/**
 * The invariants of replication.md, checked after every write and at the end:
 * 1 prefixes, and what was at a position once is there for ever; 2 acknowledged means kept, once, with the stated
 * result; 3 nothing that nobody asked for, no effect after a final refusal; 4 sequence and clock of every origin, and
 * the total order; 5 what was asked after an answer comes after it, and reads see it; 6 convergence (cluster.ts).
 */
import { type ParsedLine, parseLine, spans, textOf } from '../src/core/lines.ts'
import { readOrigin } from '../src/protocol/replica.ts'
import type { Disk } from './disk.ts'

/** A request's whole life, as its client saw it. */
export type Operation = {
  id: string
  service: string
  data: Record<string, unknown>
  invokedAt: number
  answeredAt: number
  /** `ok`, a final refusal's code, or unknown. */
  result: 'ok' | 'refused' | 'unknown'
  code?: string
  seen?: string[]
}

export type Check = {
  written(rank: number, log: string, at: number, bytes: Uint8Array): void
  powerCut(rank: number, disk: Disk): void
  restarted(rank: number, disk: Disk): void
  asked(id: string): void
  fail(what: string): void
  finish(operations: readonly Operation[]): void
  readonly failures: string[]
  readonly positions: number
}

export function createCheck(note: (text: string) => void): Check {
  const truth = new Map<string, Buffer>()
  const byPosition = new Map<number, ParsedLine>()
  const asked = new Set<string>()
  const failures: string[] = []
  const lengths = new Map<string, number>()
  const fail = (what: string): void => {
    note(`FAILED: ${what}`)
    failures.push(what)
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
      if (byPosition.has(line.n))
        fail(`position ${line.n} stands in two lines (${byPosition.get(line.n)!.id}, ${line.id})`)
      byPosition.set(line.n, line)
      if (!asked.has(line.id)) fail(`${log} ${line.n}: nobody asked for ${line.id}`)
    }
    if (whole !== bytes.length) fail(`${log}: a write does not end with a line`)
  }

  return {
    failures,
    fail,
    get positions() {
      return byPosition.size
    },
    asked: (id) => asked.add(id),
    written(rank, log, at, bytes) {
      const known = truth.get(log) ?? Buffer.alloc(0)
      const overlap = Math.min(known.length - at, bytes.length)
      if (overlap < 0) return fail(`server ${rank} leaves a hole in ${log}`)
      if (Buffer.compare(known.subarray(at, at + overlap), bytes.subarray(0, overlap)) !== 0)
        fail(`server ${rank} writes other bytes than another server in ${log} at ${at}`)
      if (overlap >= bytes.length) return
      learn(log, bytes.subarray(overlap))
      truth.set(log, Buffer.concat([known, bytes.subarray(overlap)]))
    },
    powerCut(rank, disk) {
      for (const [log, file] of disk.files) lengths.set(`${rank} ${log}`, file.bytes.length)
    },
    /** A kill never makes a file shorter; after a power cut it may be cut further, to whole lines without a gap. */
    restarted(rank, disk) {
      for (const [log, file] of disk.files) {
        const known = truth.get(log) ?? Buffer.alloc(0)
        if (Buffer.compare(known.subarray(0, file.bytes.length), file.bytes) !== 0)
          fail(`server ${rank} restarts with a ${log} that is no prefix`)
        const before = lengths.get(`${rank} ${log}`)
        if (before === undefined && file.bytes.length < (disk.lowest.get(log) ?? 0))
          fail(`server ${rank}: a kill made ${log} shorter (${disk.lowest.get(log)} → ${file.bytes.length})`)
        lengths.delete(`${rank} ${log}`)
      }
    },
    finish(operations) {
      checkOrder(byPosition, fail)
      checkOperations(operations, byPosition, fail)
    },
  }
}

function checkOrder(byPosition: Map<number, ParsedLine>, fail: (what: string) => void): void {
  const seqs = new Map<string, number>()
  let last: ParsedLine | null = null
  for (let n = 1; n <= byPosition.size; n++) {
    const line = byPosition.get(n)
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

function checkOperations(
  operations: readonly Operation[],
  byPosition: Map<number, ParsedLine>,
  fail: (what: string) => void,
): void {
  const effective = new Map<string, number>()
  const created = new Map<string, number>()
  const refusedThere = new Map<string, string>()
  for (const [n, line] of byPosition) {
    if (line.skipped === null) {
      if (effective.has(line.id)) fail(`${line.id} has its effect twice, at ${effective.get(line.id)} and ${n}`)
      effective.set(line.id, n)
      if (line.log === 'channels') created.set(String(line.body.channel), n)
    } else if (line.skipped !== 'duplicate') refusedThere.set(line.id, line.skipped)
  }
  for (const operation of operations) {
    const { id, result } = operation
    if (operation.seen !== undefined) continue
    if (result === 'ok' && !effective.has(id))
      fail(`${id} (${operation.service}) was answered OK and is not in the files`)
    if (result === 'refused' && effective.has(id))
      fail(`${id} was refused (${operation.code}) and is in the files at ${effective.get(id)}`)
  }
  checkRealTime(operations, effective, created, fail)
}

/** Invariant 5: a request invoked after another was answered comes after it; a read invoked after it sees it. */
function checkRealTime(
  operations: readonly Operation[],
  effective: Map<string, number>,
  created: Map<string, number>,
  fail: (what: string) => void,
): void {
  const writes = operations.filter((one) => one.seen === undefined && effective.has(one.id))
  const answered = writes.filter((one) => one.result === 'ok').sort((a, b) => a.answeredAt - b.answeredAt)
  let next = 0
  let highest = 0
  let highestId = ''
  for (const operation of [...writes].sort((a, b) => a.invokedAt - b.invokedAt)) {
    while (next < answered.length && answered[next]!.answeredAt < operation.invokedAt) {
      const n = effective.get(answered[next]!.id)!
      if (n > highest) {
        highest = n
        highestId = answered[next]!.id
      }
      next++
    }
    const n = effective.get(operation.id)!
    if (n < highest) fail(`${operation.id} at ${n} was asked after ${highestId} at ${highest} was answered`)
  }
  for (const read of operations) {
    if (read.seen === undefined || read.result !== 'ok') continue
    for (const write of answered) {
      if (write.answeredAt >= read.invokedAt) break
      if (write.service !== 'channel') continue
      if (!read.seen.includes(String(write.data.channel)))
        fail(`a read does not see channel ${write.data.channel}, created before it was asked`)
    }
    for (const name of read.seen) if (!created.has(name)) fail(`a read sees channel ${name}, which was never created`)
  }
}
