/**
 * The replica: one server's part in the total order, as a pure state machine. `step(now, inputs)` takes what happened
 * and returns what to do (types.ts has the contract). No sockets, files, timers, randomness: the same code runs in a
 * server and in the simulator. replication.md's rules are cited as R1 … R10 where they are kept.
 */
import type { Instance, Rank, ReplicaMessage } from '../protocol/replica.ts'
import type { Application } from '../protocol/service.ts'
import { confirmPromise, sendAck, takeAck } from './acks.ts'
import { learnView, progressChange, recordInstall, sendFlush, setPeers, takeFlush } from './change.ts'
import { checkpointIfDue } from './checkpoint.ts'
import { answerCopy, progressCopy, sayHello, takeCopied } from './copy.ts'
import { publishEvents } from './events.ts'
import { readDigest } from './hash.ts'
import { merge, mergeClient } from './lamport.ts'
import { orderEvents, releaseEvents, updateStable } from './ordering.ts'
import { roughBytes } from './origin_log.ts'
import { answerWaiting } from './reads.ts'
import { settleRefusals } from './refusals.ts'
import { answerFetch, fetchMissing, takeEvents } from './repair.ts'
import { answerDurable, expireWaiters, takeRequest } from './requests.ts'
import { isSame } from './sameness.ts'
import { reportSilence, watchPeers } from './silence.ts'
import { DEFAULT_OPTIONS, type Options, type Replica, type Restored, say } from './state.ts'
import type { Effect, Input } from './types.ts'

export type { Options, Replica, Restored } from './state.ts'

/** A clock beyond this is nobody's: counting to it takes ten thousand years at 10,000 events a second. */
const CLOCK_LIMIT = 2 ** 52
/** A joiner not heard for this long is not reported as heard, ms. */
const HELLO_FRESH_MS = 2000
const MOST_HEARD = 100
const LOG_EVERY_MS = 1000

/**
 * Makes a replica from what a restart found on disk.
 * @param rank the server's rank  @param instance drawn at random for this run of the process
 */
export function createReplica(
  rank: Rank,
  instance: Instance,
  app: Application,
  restored: Restored,
  options: Partial<Options> = {},
): Replica {
  const { checkpoint, window, state, known, installed, logs } = restored
  const past = new Map(Object.entries(checkpoint.ordered)) as Replica['past']
  for (const log of logs.values()) past.delete(log.origin)
  const r: Replica = {
    rank,
    instance,
    app,
    options: { ...DEFAULT_OPTIONS, ...options },
    state,
    now: 0,
    time: 0,
    clock: checkpoint.clock,
    known,
    installed,
    active: false,
    fresh: installed === null,
    origin: null,
    own: null,
    peers: new Map(),
    logs,
    past,
    position: checkpoint.position,
    digest: readDigest(checkpoint.digest),
    window,
    waiters: new Map(),
    undurable: [],
    refusing: [],
    waiting: [],
    change: null,
    flush: null,
    flushedAt: 0,
    copying: { attempt: 0, askedAt: 0, received: null },
    level: false,
    hears: new Map(),
    draining: false,
    unorderedBytes: 0,
    diskFull: false,
    diverged: false,
    effects: [],
    newHead: [],
    newLines: [],
    writers: new Map(),
    pending: [],
    marks: new Map(),
    commit: null,
    committed: 0,
    token: 0,
    journalBytes: 0,
    checkpoint: null,
    ackDue: false,
    ackedAt: 0,
    promised: 0,
    askDue: false,
    askedAt: 0,
    asked: 0,
    reportedSilent: '',
    helloAt: 0,
    eventsOrdered: new Map(),
    orderedLoggedAt: 0,
  }
  // The newest view may still be the one this server knew: its members are whom to copy from.
  if (known !== null) setPeers(r, known)
  return r
}

/**
 * Takes what happened and returns what to do, in order.
 * @param now a monotonic time in ms; it may be any, as long as it never goes back
 */
export function step(r: Replica, now: number, inputs: readonly Input[]): Effect[] {
  r.now = now
  r.effects = []
  for (const input of inputs) take(r, input)
  publishEvents(r)
  progressCopy(r)
  progressChange(r)
  orderEvents(r)
  answerDurable(r)
  settleRefusals(r)
  answerWaiting(r)
  // A write that waited for the state may have become an event just now.
  publishEvents(r)
  sendAck(r)
  checkpointIfDue(r)
  startCommit(r)
  return r.effects
}

function take(r: Replica, input: Input): void {
  switch (input.type) {
    case 'requests':
      r.time = input.time
      for (const request of input.requests) takeRequest(r, request)
      return
    case 'message':
      return takeMessage(r, input.message)
    case 'committed':
      return takeCommitted(r, input.token)
    case 'checkpointed':
      if (input.token !== r.checkpoint) return
      r.checkpoint = null
      if (r.change?.phase === 'checkpoint' && r.change.token === input.token) recordInstall(r)
      return
    case 'view':
      // What this step has made so far was made under the old view.
      publishEvents(r)
      return learnView(r, input.view)
    case 'disk':
      r.diskFull = input.full
      return
    case 'drain':
      r.draining = true
      return
    case 'tick':
      return onTick(r)
  }
}

/**
 * Lamport's rule on receiving a message from another server; it may be applied as soon as the message is there, and again
 * when it is taken. Who is no member says who it is, and is believed like a client.
 */
export function hear(r: Replica, { rank, instance, clock }: Pick<ReplicaMessage, 'rank' | 'instance' | 'clock'>): void {
  if (clock > CLOCK_LIMIT) return
  const isMember = r.peers.get(rank)?.member.instance === instance
  r.clock = isMember ? merge(r.clock, clock) : mergeClient(r.clock, clock)
}

function takeMessage(r: Replica, message: ReplicaMessage): void {
  if (message.instance === r.instance || message.clock > CLOCK_LIMIT) return
  hear(r, message)
  const peer = r.peers.get(message.rank)
  if (peer?.member.instance === message.instance) peer.heardAt = r.now
  switch (message.type) {
    case 'events':
      takeEvents(r, message)
      for (const other of r.peers.values()) confirmPromise(r, other)
      return
    case 'ack':
      return takeAck(r, message)
    case 'flush':
      return takeFlush(r, message)
    case 'hello':
      // Who is not heard is not admitted: it finds out by itself, from what it copies.
      if (!isSame(r, message)) return
      // The sooner ref knows that a joiner is heard, the sooner it is admitted.
      if (!r.hears.has(message.instance)) r.effects.push({ type: 'report' })
      if (r.hears.size < MOST_HEARD) r.hears.set(message.instance, r.now)
      return
    case 'fetch':
      return answerFetch(r, message)
    case 'copy':
      return answerCopy(r, message)
    case 'copied':
      return takeCopied(r, message)
  }
}

function takeCommitted(r: Replica, token: number): void {
  if (r.commit?.token !== token) return
  for (const [log, seq] of r.commit.marks) {
    const committed = Math.min(seq, log.held)
    if (committed <= log.committed) continue
    log.committed = committed
    updateStable(r, log)
    r.ackDue = true
  }
  r.commit = null
  r.committed = token
}

function onTick(r: Replica): void {
  expireWaiters(r)
  fetchMissing(r)
  sendFlush(r)
  sayHello(r)
  watchPeers(r)
  reportSilence(r)
  releaseEvents(r)
  r.unorderedBytes = r.own === null ? 0 : roughBytes(r.own, r.own.ordered + 1, r.own.held)
  for (const [instance, at] of r.hears) if (r.now - at >= HELLO_FRESH_MS) r.hears.delete(instance)
  if (r.now - r.orderedLoggedAt < LOG_EVERY_MS || r.eventsOrdered.size === 0) return
  r.orderedLoggedAt = r.now
  const from = Object.fromEntries([...r.eventsOrdered].sort(([a], [b]) => a - b))
  const events = [...r.eventsOrdered.values()].reduce((sum, count) => sum + count, 0)
  say(r, 'info', 'replicated', { events, from, position: r.position })
  r.eventsOrdered.clear()
}

/** Starts the next group commit: all that gathered while the last one ran. */
function startCommit(r: Replica): void {
  if (r.commit !== null || r.pending.length === 0) return
  r.commit = { token: ++r.token, marks: r.marks }
  r.effects.push({ type: 'commit', token: r.commit.token, records: r.pending })
  r.pending = []
  r.marks = new Map()
}
