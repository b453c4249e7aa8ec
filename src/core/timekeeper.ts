/**
 * A server's part in keeping the cluster's time: its physical clock, the election of a coordinator in each view, and the
 * rounds while it is the coordinator itself. A state machine like the replica: `step` takes what happened and returns what to
 * do; the same code runs in the server and in the simulator.
 *
 * What is about an older view is ignored, and its sender told of the newer one; what is about a newer view makes this server
 * step down until it knows that view. So does having been away (paused): it asks the others who leads before it acts.
 */

import type { ClockStatus } from '../protocol/clock-status.ts'
import type { Data } from '../protocol/envelope.ts'
import { type Instance, type Rank, sameView, type View } from '../protocol/replica.ts'
import type { CorrectMessage, Sender, TimekeepingMessage } from '../protocol/timekeeping.ts'
import { driftPpm } from './drift.ts'
import {
  createElection,
  doubt,
  type Election,
  type ElectionEffect,
  learnCoordinator,
  takeElection,
  tickElection,
} from './election.ts'
import { correct, errorAt, isSlewing, noticeWall, type PhysicalClock, readingAt, syncedAt } from './physical.ts'
import { createRounds, type RoundEffect, type Rounds, takeTime, tickRounds } from './rounds.ts'
import { createStory, type Story, tellRound } from './story.ts'

/** Who has not been running for this long does not know what it has missed, ms. */
const AWAY_MS = 2000
/** ref is asked for a newer view no more often than this, ms. */
const REPORT_MS = 500

export type TimekeepingInput =
  /** The newest view; `member` whether this server is in it. */
  | { type: 'view'; view: View; member: boolean }
  | { type: 'message'; from: Sender; message: TimekeepingMessage }
  | { type: 'tick'; wall: number }

export type TimekeepingEffect =
  | { type: 'send'; to: Instance; message: TimekeepingMessage }
  /** This server is the coordinator. */
  | { type: 'announce'; term: number }
  /** There is a newer view than the one known here. */
  | { type: 'report' }
  | { type: 'log'; level: 'debug' | 'info' | 'warn'; text: string; fields: Data }

export type Timekeeper = {
  readonly rank: Rank
  readonly clock: PhysicalClock
  view: View | null
  /** Null while this server is in no view. */
  election: Election | null
  /** Null unless this server is the coordinator. */
  rounds: Rounds | null
  /** The newest correction, by view and round. */
  corrected: { term: number; round: number }
  tickedAt: number
  reportedAt: number
  readonly story: Story
}

export function createTimekeeper(rank: Rank, clock: PhysicalClock): Timekeeper {
  return {
    ...{ rank, clock, view: null, election: null, rounds: null, corrected: { term: 0, round: 0 } },
    ...{ tickedAt: Number.POSITIVE_INFINITY, reportedAt: Number.NEGATIVE_INFINITY, story: createStory() },
  }
}

/** @param now monotonic, ms */
export function stepTime(k: Timekeeper, now: number, input: TimekeepingInput): TimekeepingEffect[] {
  switch (input.type) {
    case 'view':
      return learnView(k, input.view, input.member, now)
    case 'tick':
      return tick(k, now, input.wall)
    case 'message':
      return takeMessage(k, input.from, input.message, now)
  }
}

/** Counts messages with clients, after so many of which a round is due. */
export function countExchanged({ rounds }: Timekeeper, messages: number): void {
  if (rounds !== null) rounds.exchanged += messages
}

/** How the clock stands, for whoever asks. */
export function clockStatus({ clock, corrected, election, view }: Timekeeper, now: number): ClockStatus {
  const { adjust } = readingAt(clock, now)
  const { goal } = clock
  const error = errorAt(clock, now)
  const drift = driftPpm(clock.drift)
  return {
    now: micro(syncedAt(clock, now)),
    rawOffsetMs: micro(0 - goal),
    offsetMs: micro(adjust - goal),
    errorMs: error === null ? null : micro(error),
    driftPpm: drift === null ? null : Math.round(drift * 10) / 10,
    slewing: isSlewing(clock),
    round: corrected.round,
    coordinator: election?.coordinator ?? null,
    term: view?.number ?? 0,
  }
}

const micro = (ms: number): number => Math.round(ms * 1000) / 1000

function learnView(k: Timekeeper, view: View, member: boolean, now: number): TimekeepingEffect[] {
  if (view.number <= (k.view?.number ?? 0)) return []
  const left = stepDown(k, `view ${view.number}`)
  k.view = view
  k.election = null
  if (!member) return left
  const ranks = view.members.map(({ rank }) => rank)
  k.election = createElection(k.rank, { number: view.number, nonce: view.nonce }, ranks, now)
  return [...left, ...carryOut(k, tickElection(k.election, now))]
}

function tick(k: Timekeeper, now: number, wall: number): TimekeepingEffect[] {
  const effects: TimekeepingEffect[] = []
  const away = now - k.tickedAt
  k.tickedAt = now
  const jump = noticeWall(k.clock, now, wall)
  if (jump !== 0) effects.push(say('warn', "the system's clock was set", { by_ms: Math.round(jump) }))
  if (k.election === null) return effects
  if (away > AWAY_MS && k.election.coordinator !== null) {
    const reason = `away for ${Math.round(away)} ms`
    effects.push(...stepDown(k, reason))
    doubt(k.election, reason, now)
  }
  effects.push(...carryOut(k, tickElection(k.election, now)))
  if (k.rounds === null) return effects
  const wasSlewing = isSlewing(k.clock)
  effects.push(...carryOutRounds(k, tickRounds(k.rounds, k.clock, now), now), ...tellSlewing(k, wasSlewing))
  return effects
}

/** Gives the lead up, if this server has it. */
function stepDown(k: Timekeeper, reason: string): TimekeepingEffect[] {
  if (k.rounds === null) return []
  k.rounds = null
  return [say('info', 'no longer the coordinator', { term: k.view?.number ?? 0, reason })]
}

function takeMessage(k: Timekeeper, from: Sender, message: TimekeepingMessage, now: number): TimekeepingEffect[] {
  const known = k.view?.number ?? 0
  if (message.view.number > known) {
    const left = stepDown(k, `there is a view ${message.view.number}`)
    if (k.election !== null) doubt(k.election, 'a newer view', now)
    if (now - k.reportedAt < REPORT_MS) return left
    k.reportedAt = now
    return [...left, { type: 'report' }]
  }
  if (k.view === null || k.election === null) return []
  if (message.view.number < known) return tellOfNewer(k, from, message)
  if (!sameView(message.view, k.view)) return []
  if (!k.view.members.some(({ rank, instance }) => rank === from.rank && instance === from.instance)) return []
  switch (message.type) {
    case 'clock':
      return answerClock(k, from, message.question, now)
    case 'time':
      if (k.rounds !== null) takeTime(k.rounds, k.clock, from.rank, message, now)
      return []
    case 'correct':
      return takeCorrection(k, from, message, now)
    default:
      return carryOut(k, takeElection(k.election, from.rank, message, now))
  }
}

/** One who still acts in an older view has been away: it steps down as soon as it hears of this one. */
function tellOfNewer(k: Timekeeper, from: Sender, message: TimekeepingMessage): TimekeepingEffect[] {
  const { view, election } = k
  const acts = message.type !== 'elected' && message.type !== 'time'
  if (!acts || view === null || election?.coordinator == null) return []
  const { number, nonce } = view
  const { coordinator } = election
  const answer: TimekeepingMessage = { type: 'elected', view: { number, nonce }, coordinator }
  const ignored = message.type === 'correct' || message.type === 'clock'
  return [
    ...(ignored
      ? [say('debug', 'ignored what an older term says', { from: from.rank, term: message.view.number })]
      : []),
    { type: 'send', to: from.instance, message: answer },
  ]
}

/** Only who is elected asks for the time, so asking says it. */
function answerClock(k: Timekeeper, from: Sender, question: number, now: number): TimekeepingEffect[] {
  const learnt = carryOut(k, learnCoordinator(k.election!, from.rank, []))
  const { number, nonce } = k.view!
  const message: TimekeepingMessage = { type: 'time', view: { number, nonce }, question, ...readingAt(k.clock, now) }
  return [{ type: 'send', to: from.instance, message }, ...learnt]
}

function takeCorrection(k: Timekeeper, from: Sender, message: CorrectMessage, now: number): TimekeepingEffect[] {
  const { round, goal, epoch, half, ppm, since } = message
  if (k.election!.coordinator !== from.rank) return []
  const term = k.view!.number
  if (term === k.corrected.term && round <= k.corrected.round) return []
  const wasSlewing = isSlewing(k.clock)
  if (!correct(k.clock, now, { goal, epoch, bound: { half, ppm, since } })) return []
  k.corrected = { term, round }
  return tellSlewing(k, wasSlewing)
}

function tellSlewing(k: Timekeeper, wasSlewing: boolean): TimekeepingEffect[] {
  if (wasSlewing || !isSlewing(k.clock)) return []
  const pending = k.clock.goal - k.clock.adjust
  const rate = pending > 0 ? 'fast' : 'slow'
  return [
    say('info', `more than 100 ms off: the clock runs ${rate} until it is near`, { correction_ms: micro(pending) }),
  ]
}

function carryOut(k: Timekeeper, effects: readonly ElectionEffect[]): TimekeepingEffect[] {
  return effects.flatMap((effect): TimekeepingEffect[] => {
    if (effect.type === 'log') return [effect]
    if (effect.type === 'send') return toMember(k, effect.to, effect.message)
    const { coordinator, answered } = effect
    const term = k.view!.number
    const story = say('info', 'elected', { coordinator, term, ...(answered.length > 0 && { answered }) })
    if (coordinator !== k.rank) return [story]
    const others = k.election!.members.filter((rank) => rank !== k.rank)
    k.rounds = createRounds(k.rank, others, k.corrected.round)
    return [story, { type: 'announce', term }]
  })
}

function carryOutRounds(k: Timekeeper, effects: readonly RoundEffect[], now: number): TimekeepingEffect[] {
  const { number, nonce } = k.view!
  return effects.flatMap((effect): TimekeepingEffect[] => {
    if (effect.type === 'send')
      return toMember(k, effect.to, { ...effect.message, view: { number, nonce } } as TimekeepingMessage)
    const { conclusion } = effect
    if (conclusion.agreement !== null) k.corrected = { term: number, round: conclusion.round }
    return tellRound(k.story, conclusion, number, now)
  })
}

function toMember(k: Timekeeper, to: Rank, message: TimekeepingMessage): TimekeepingEffect[] {
  const member = k.view!.members.find(({ rank }) => rank === to)
  return member === undefined ? [] : [{ type: 'send', to: member.instance, message }]
}

const say = (level: 'debug' | 'info' | 'warn', text: string, fields: Data): TimekeepingEffect => ({
  ...{ type: 'log', level, text, fields },
})
