/**
 * What clients saw, against what the files say: 2 acknowledged means kept, once, with the stated result; 3 no effect
 * after a final refusal, which is in the order, too; 5 what was asked after an answer, by the same client or through the
 * same broker, comes after it, and reads see it.
 */
import type { ParsedLine } from '../src/core/lines.ts'
import { checkRefusals } from './refusals.ts'

/** A request's whole life, as its client saw it. */
export type Operation = {
  id: string
  client: string
  service: string
  data: Record<string, unknown>
  invokedAt: number
  answeredAt: number
  /** The life of the broker through which it was invoked and answered; -1 when there was more than one. */
  brokerLife: number
  result: 'ok' | 'refused' | 'unknown'
  code: string | null
  /** The channels that a read saw; null for a write. */
  seen: string[] | null
}

type Fail = (what: string) => void
type Effects = { effective: Map<string, number>; created: Map<string, number> }

/** @param heard ids of publications that a subscriber was told of  @param moody services whose refusals need not be true */
export function checkOperations(
  operations: readonly Operation[],
  lines: ReadonlyMap<number, ParsedLine>,
  heard: ReadonlySet<string>,
  fail: Fail,
  moody: readonly string[] = [],
): void {
  const refusedThere = new Map<string, string>()
  const effects: Effects = { effective: new Map(), created: new Map() }
  for (const [n, line] of lines) {
    if (line.skipped === null) {
      if (effects.effective.has(line.id))
        fail(`${line.id} has its effect twice, at ${effects.effective.get(line.id)} and ${n}`)
      effects.effective.set(line.id, n)
      if (line.log === 'channels') effects.created.set(String(line.body.channel), n)
    } else if (line.skipped !== 'duplicate') refusedThere.set(line.id, line.skipped)
  }
  const { effective } = effects
  for (const { id, result, seen, service, code } of operations) {
    if (seen !== null) continue
    if (result === 'ok' && !effective.has(id)) fail(`${id} (${service}) was answered OK and is not in the files`)
    if (result === 'refused' && effective.has(id))
      fail(`${id} was refused (${code}) and is in the files at ${effective.get(id)}`)
    if (result === 'refused' && refusedThere.get(id) !== code)
      fail(`${id} was refused with ${code}, and the order says ${refusedThere.get(id) ?? 'nothing'}`)
  }
  for (const id of heard) if (!effective.has(id)) fail(`subscribers heard ${id}, which is not in the files`)
  checkRefusals(
    operations.filter(({ service }) => !moody.includes(service)),
    lines,
    effective,
    fail,
  )
  const lives = new Set(operations.map((operation) => operation.brokerLife))
  lives.delete(-1)
  for (const life of lives)
    checkRealTime(
      operations.filter((one) => one.brokerLife === life),
      effects,
      fail,
    )
  for (const client of new Set(operations.map((operation) => operation.client)))
    checkRealTime(
      operations.filter((one) => one.client === client),
      effects,
      fail,
    )
}

function checkRealTime(operations: readonly Operation[], { effective, created }: Effects, fail: Fail): void {
  const writes = operations.filter((one) => one.seen === null && effective.has(one.id))
  const answered = writes.filter((one) => one.result === 'ok').sort((a, b) => a.answeredAt - b.answeredAt)
  let next = 0
  let highest = { n: 0, id: '' }
  for (const { id, invokedAt } of [...writes].sort((a, b) => a.invokedAt - b.invokedAt)) {
    while (next < answered.length && answered[next]!.answeredAt < invokedAt) {
      const before = answered[next++]!.id
      if (effective.get(before)! > highest.n) highest = { n: effective.get(before)!, id: before }
    }
    const n = effective.get(id)!
    if (n < highest.n) fail(`${id} at ${n} was asked after ${highest.id} at ${highest.n} was answered`)
  }
  const channels = answered.filter((write) => write.service === 'channel')
  for (const read of operations) {
    if (read.seen === null || read.result !== 'ok') continue
    const seen = new Set(read.seen)
    for (const write of channels) {
      if (write.answeredAt >= read.invokedAt) break
      if (!seen.has(String(write.data.channel)))
        fail(`a read does not see channel ${write.data.channel}, created before it was asked`)
    }
    for (const name of seen) if (!created.has(name)) fail(`a read sees channel ${name}, which was never created`)
  }
}
