import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPhysical, type Wrong } from '../../../src/core/physical.ts'
import {
  clockStatus,
  countExchanged,
  createTimekeeper,
  stepTime,
  type Timekeeper,
  type TimekeepingEffect,
  type TimekeepingInput,
} from '../../../src/core/timekeeper.ts'
import type { Instance, Member, Rank, View } from '../../../src/protocol/replica.ts'
import type { TimekeepingMessage } from '../../../src/protocol/timekeeping.ts'

const EPOCH = 1.7e12
const memberOf = (rank: number): Member => ({
  ...{ rank: rank as Rank, instance: `i${rank}` as Instance },
  ...{ origin: `server-${rank}@1` as Member['origin'], endpoint: { peer: '', pub: '' } },
})
const viewOf = (number: number, ranks: readonly number[]): View => ({
  ...{ number, nonce: `n${number}`, quorum: 2 },
  members: ranks.map(memberOf),
})
type Log = Extract<TimekeepingEffect, { type: 'log' }> & { rank: number; at: number }
type Post = { from: number; to: Instance; message: TimekeepingMessage }

/** Timekeepers whose messages take no time; `now` is true time, and every process's clock runs by it. */
function createServers(wrong: Record<number, Partial<Wrong>>) {
  const ranks = Object.keys(wrong).map(Number)
  const servers = new Map<number, Timekeeper>()
  for (const rank of ranks) {
    const clock = createPhysical(0, EPOCH, { skewMs: 0, driftPpm: 0, ...wrong[rank] })
    servers.set(rank, createTimekeeper(rank as Rank, clock))
  }
  const post: Post[] = []
  const logs: Log[] = []
  const announced: [rank: number, term: number][] = []
  const all = {
    servers,
    logs,
    announced,
    /** These neither act nor hear. */
    paused: new Set<number>(),
    /** Messages that are on their way are lost. */
    loses: (_: Post): boolean => false,
    reports: 0,
    sent: 0,
    now: 0,
    of: (rank: number): Timekeeper => servers.get(rank)!,
    status: (rank: number) => clockStatus(servers.get(rank)!, all.now),
    give(rank: number, input: TimekeepingInput) {
      for (const effect of stepTime(all.of(rank), all.now, input)) {
        if (effect.type === 'send') post.push({ from: rank, to: effect.to, message: effect.message })
        else if (effect.type === 'log') logs.push({ ...effect, rank, at: all.now })
        else if (effect.type === 'announce') announced.push([rank, effect.term])
        else all.reports++
      }
      while (post.length > 0) all.deliver(post.shift()!)
    },
    deliver(sent: Post) {
      const to = Number(sent.to.slice(1))
      all.sent++
      if (all.paused.has(to) || all.loses(sent)) return
      const from = { rank: sent.from as Rank, instance: `i${sent.from}` as Instance, clock: 0 }
      all.give(to, { type: 'message', from, message: sent.message })
    },
    view(number: number, members: readonly number[], who: readonly number[] = members) {
      const view = viewOf(number, members)
      for (const rank of who) all.give(rank, { type: 'view', view, member: members.includes(rank) })
    },
    run(ms: number) {
      for (const end = all.now + ms; all.now < end; ) {
        all.now += 50
        for (const rank of ranks) if (!all.paused.has(rank)) all.give(rank, { type: 'tick', wall: EPOCH + all.now })
      }
    },
    rounds: (): Log[] => logs.filter(({ fields }) => fields.correction_ms !== undefined),
    texts: (rank: number): string[] => logs.filter((one) => one.rank === rank).map(({ text }) => text),
  }
  return all
}

const offsets = ({ status }: ReturnType<typeof createServers>, ranks: readonly number[]): number[] =>
  ranks.map((rank) => status(rank).offsetMs)

test('3000 ms ahead, 2000 behind, 500 ahead: together within 6 s of the first view', () => {
  const all = createServers({ 1: { skewMs: 3000 }, 2: { skewMs: -2000 }, 3: { skewMs: 500 } })
  all.view(1, [1, 2, 3])
  all.run(6000)
  assert.deepEqual(offsets(all, [1, 2, 3]).map(Math.round), [0, 0, 0])
  const now = [1, 2, 3].map((rank) => all.status(rank).now - EPOCH - all.now)
  assert.deepEqual(now.map(Math.round), [500, 500, 500])
  const { rawOffsetMs, errorMs, slewing, coordinator, term, round } = all.status(1)
  assert.deepEqual([Math.round(rawOffsetMs), errorMs, slewing, coordinator, term], [2500, 0, false, 1, 1])
  assert.ok(round > 3 && all.status(2).errorMs! < 2)
})

test('nothing is corrected and no bound is stated before the first round', () => {
  const all = createServers({ 1: { skewMs: 3000 } })
  const { errorMs, driftPpm, coordinator, term, round } = all.status(1)
  assert.deepEqual([errorMs, driftPpm, coordinator, term, round], [null, null, null, 0, 0])
})

test('rounds: every 5 s when there is nothing to do, after 10 messages at most twice a second', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(10_000)
  const rounds = (): number => all.status(1).round
  const quiet = rounds()
  const sent = all.sent
  all.run(60_000)
  assert.equal(rounds() - quiet, 12)
  // Two questions and answers, and a correction, for each of two.
  assert.equal(all.sent - sent, 12 * 10)
  const before = rounds()
  for (let i = 0; i < 100; i++) {
    countExchanged(all.of(1), 20)
    all.run(100)
  }
  assert.ok(rounds() - before > 10 && rounds() - before <= 21, `${rounds() - before} rounds in 10 s`)
})

test('a liar is thrown out, told the right time, and nobody else moves', () => {
  const all = createServers({ 1: {}, 2: { skewMs: 3_600_000 }, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(30_000)
  assert.deepEqual(offsets(all, [1, 3]), [0, 0])
  assert.equal(Math.round(all.status(2).rawOffsetMs), 3_600_000)
  assert.ok(all.status(2).slewing)
  const told = all.rounds().filter(({ level }) => level === 'warn')
  assert.ok(told.length >= 2 && told.length <= 4, `${told.length} lines in 30 s`)
  for (const { fields } of told) assert.deepEqual(fields.thrown_out, [2])
})

test('without a majority nobody is corrected, and the log warns', () => {
  const all = createServers({ 1: {}, 2: { skewMs: 60_000 }, 3: { skewMs: -60_000 } })
  all.view(1, [1, 2, 3])
  all.run(5000)
  assert.deepEqual(
    [1, 2, 3].map((rank) => all.status(rank).errorMs),
    [null, null, null],
  )
  assert.match(all.rounds()[0]!.text, /no majority/)
  assert.equal(all.rounds()[0]!.level, 'warn')
})

test('who does not answer is told as silent; the others go on', () => {
  const all = createServers({ 1: {}, 2: { skewMs: 50 }, 3: {} })
  all.view(1, [1, 2, 3])
  all.paused.add(3)
  all.run(5000)
  assert.deepEqual(all.rounds()[0]!.fields.silent, [3])
  assert.equal(Math.round(all.status(2).rawOffsetMs), 25)
})

test('a correction that is lost comes again in the next round, and does not count twice', () => {
  const all = createServers({ 1: {}, 2: { skewMs: 3000 }, 3: {} })
  let lost = 0
  all.loses = ({ message, to }) => message.type === 'correct' && to === 'i2' && lost++ < 2
  all.view(1, [1, 2, 3])
  all.run(12_000)
  assert.ok(lost > 2)
  assert.deepEqual(offsets(all, [1, 2, 3]).map(Math.round), [0, 0, 0])
  assert.deepEqual(
    [1, 2, 3].map((rank) => Math.round(all.status(rank).now - EPOCH - all.now)),
    [1000, 1000, 1000],
  )
})

test('a correction of an older round, or of another than the coordinator, is ignored', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(5000)
  const before = all.status(2)
  const view = { number: 1, nonce: 'n1' }
  const say = (rank: number, round: number): void => {
    const from = { rank: rank as Rank, instance: `i${rank}` as Instance, clock: 0 }
    const message = { type: 'correct', view, round, goal: 5000, epoch: 0, half: 0, ppm: 0, since: EPOCH } as const
    all.give(2, { type: 'message', from, message })
  }
  say(1, before.round - 1)
  say(1, before.round)
  say(3, before.round + 1)
  assert.deepEqual(all.status(2), before)
  say(1, before.round + 1)
  assert.equal(all.status(2).rawOffsetMs, -5000)
})

test('a newcomer, or one whose clock was set, is told the time; the others do not move', () => {
  const all = createServers({ 1: {}, 2: {}, 3: { skewMs: 3000 } })
  all.view(1, [1, 2])
  all.run(3000)
  all.view(2, [1, 2, 3])
  all.run(8000)
  assert.deepEqual(
    [1, 2, 3].map((rank) => Math.round(all.status(rank).now - EPOCH - all.now)),
    [0, 0, 0],
  )
  all.give(2, { type: 'tick', wall: EPOCH + all.now + 5000 })
  assert.match(all.texts(2).at(-1)!, /was set/)
  const shown = all.status(2).now
  all.give(2, { type: 'tick', wall: EPOCH + all.now + 5000 })
  assert.equal(all.status(2).now, shown)
})

test('a new view: a coordinator that is not in it steps down, and another leads under its number', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(2000)
  all.view(2, [2, 3], [1, 2, 3])
  all.run(2000)
  assert.deepEqual(
    [1, 2, 3].map((rank) => all.status(rank).coordinator),
    [null, 2, 2],
  )
  assert.deepEqual(all.announced, [
    [1, 1],
    [2, 2],
  ])
  assert.ok(all.texts(1).includes('no longer the coordinator'))
})

test('what an older term says is ignored: question, correction, announcement', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(2000)
  all.paused.add(1)
  all.view(2, [2, 3], [2, 3])
  all.run(1000)
  const before = all.status(3)
  const from = { rank: 1 as Rank, instance: 'i1' as Instance, clock: 0 }
  const view = { number: 1, nonce: 'n1' }
  const correction = { type: 'correct', view, round: 99, goal: 5000, epoch: 0, half: 0, ppm: 0, since: EPOCH } as const
  all.give(3, { type: 'message', from, message: correction })
  all.give(3, { type: 'message', from, message: { type: 'elected', view, coordinator: 1 as Rank } })
  all.give(3, { type: 'message', from, message: { type: 'clock', view, round: 99, question: 1 } })
  assert.deepEqual(all.status(3), before)
  assert.equal(all.status(3).coordinator, 2)
})

test('a coordinator that was paused and comes back into its old view steps down at once, and changes nothing', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(2000)
  all.paused.add(1)
  all.view(2, [2, 3])
  all.run(5000)
  const before = [2, 3].map((rank) => all.status(rank))
  all.paused.delete(1)
  all.now += 1
  all.give(1, { type: 'tick', wall: EPOCH + all.now })
  assert.equal(all.status(1).coordinator, null)
  assert.ok(all.texts(1).includes('no longer the coordinator'))
  assert.ok(all.reports > 0, 'it asks ref for the newer view')
  for (const [index, rank] of [2, 3].entries()) {
    const { round, coordinator, term, offsetMs } = all.status(rank)
    const { round: was, ...rest } = before[index]!
    assert.deepEqual([round, coordinator, term, offsetMs], [was, rest.coordinator, rest.term, rest.offsetMs])
  }
})

test('a coordinator that was paused while nobody missed it leads on after it has asked', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(2000)
  all.paused.add(1)
  all.run(3000)
  all.paused.delete(1)
  all.run(500)
  assert.deepEqual(
    [1, 2, 3].map((rank) => all.status(rank).coordinator),
    [1, 1, 1],
  )
  const started = all.logs.find(({ text, fields }) => text === 'election started' && /away/.test(String(fields.reason)))
  assert.deepEqual(started?.fields.asked, [2, 3])
})

test('the log is short: a line every 10 s while nothing happens', () => {
  const all = createServers({ 1: {}, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(60_000)
  const lines = all.logs.filter(({ level }) => level !== 'debug')
  assert.ok(lines.length < 15, lines.map(({ text }) => text).join('\n'))
})

test('drift is told once it is known', () => {
  const all = createServers({ 1: { driftPpm: 300 }, 2: {}, 3: {} })
  all.view(1, [1, 2, 3])
  all.run(120_000)
  assert.deepEqual(
    [1, 2, 3].map((rank) => Math.round(all.status(rank).driftPpm! / 10)),
    [20, -10, -10],
  )
  assert.ok(offsets(all, [1, 2, 3]).every((one) => Math.abs(one) < 5))
})
