/**
 * Lamport's rule over the log records of all processes of a run, as `LOG_LEVEL=debug` writes them
 * (platform/message-log.ts): pure, records in, report out.
 *
 * What must hold: (1) for every message received, the receiver's clock afterwards is at least what the message carried;
 * (2) what it carried is its sender's clock: some process sent this message over this link with exactly that clock;
 * (3) a process's clock at each send is above all that it was before, since it adds 1; (4) every record from info up has
 * the clock of its process; (5) so that nothing passes because nothing was looked at: of every kind of link in REQUIRED
 * more than so many messages were checked.
 *
 * Limits: links whose other end is no process of ours (tools, clients in other languages) are checked on our side only. A
 * client more than LIMITS.clockLead ahead is not believed, by rule. A message that was sent and never received is lost,
 * which breaks nothing.
 */
import { LIMITS } from '../protocol/limits.ts'

export type LogRecord = Record<string, unknown>

export type LinkReport = {
  link: string
  /** Received and found with their sender. */
  checked: number
  /** Received from somebody who writes no such log. */
  outside: number
  /** Sent, and nobody has received it. */
  lost: number
}
export type LamportReport = { processes: number; checked: number; links: LinkReport[]; violations: string[] }

export type LamportChecker = {
  /** @param source tells files, or processes in one file, apart */
  take(source: string, record: LogRecord): void
  report(): LamportReport
}

/** What a cluster with bots does all the time. */
export const REQUIRED: readonly string[] = [
  ...['client>broker', 'broker>server', 'server>broker', 'broker>client'],
  ...['server>server ack', 'server>server events', 'server>ref', 'ref>server', 'server>proxy', 'proxy>client'],
]
/** Ends that need not be processes of ours. */
const OUTSIDE = /^(client|tool|worker|publisher)>/

type Process = { name: string; clock: number; unstamped: number }
type Received = { by: string; link: string; message: string; carried: number; clock: number }
type State = {
  processes: Map<string, Process>
  /** How often a process began in one place: process numbers come again. */
  runs: Map<string, number>
  /** By link and message: the clocks at which it was sent, and whether anybody received that. */
  sent: Map<string, Map<number, boolean>>
  received: Received[]
  links: Map<string, LinkReport>
  violations: string[]
}

const INFO = 30

/** @param least how many messages of each required link must have been checked */
export function createLamportChecker(least: number): LamportChecker {
  const state: State = {
    ...{ processes: new Map(), runs: new Map(), sent: new Map() },
    ...{ received: [], links: new Map(), violations: [] },
  }
  return {
    take: (source, record) => take(state, source, record),
    report: () => report(state, least),
  }
}

function take(state: State, source: string, record: LogRecord): void {
  const process = processOf(state, source, record)
  const { level, pid, msg, link, message, carried, clock } = record
  if (!isClock(clock)) {
    // Without a number it is no record of a process, but what it wrote besides.
    if (Number(level) >= INFO && typeof pid === 'number') process.unstamped++
    return
  }
  if (typeof link !== 'string' || typeof message !== 'string') return
  if (msg === 'sent') takeSent(state, process, link, message, clock)
  else if (msg === 'received' && isClock(carried))
    takeReceived(state, process, { by: process.name, link, message, carried, clock })
}

function processOf({ processes, runs }: State, source: string, record: LogRecord): Process {
  const name = String(record.process ?? (source === '' ? record.role : source))
  const place = `${source} ${name} ${String(record.pid)}`
  if (typeof record.run === 'string') runs.set(place, (runs.get(place) ?? 0) + 1)
  const key = `${place} ${runs.get(place) ?? 0}`
  let process = processes.get(key)
  if (process === undefined) {
    process = { name, clock: 0, unstamped: 0 }
    processes.set(key, process)
  }
  return process
}

function takeSent(state: State, process: Process, link: string, message: string, clock: number): void {
  const { name, clock: before } = process
  if (clock <= before)
    state.violations.push(`${name} sent ${link} ${message} at ${clock}, and its clock was ${before} before`)
  process.clock = Math.max(before, clock)
  const key = `${link} ${message}`
  const clocks = state.sent.get(key) ?? new Map<number, boolean>()
  if (!clocks.has(clock)) clocks.set(clock, false)
  state.sent.set(key, clocks)
}

function takeReceived(state: State, process: Process, one: Received): void {
  const { by, link, message, carried, clock } = one
  state.received.push(one)
  process.clock = Math.max(process.clock, clock)
  const isDisbelieved = OUTSIDE.test(link) && carried - clock > LIMITS.clockLead
  if (clock < carried && !isDisbelieved)
    state.violations.push(`${by} received ${link} ${message} that carried ${carried}, and stood at ${clock} afterwards`)
}

function report(state: State, least: number): LamportReport {
  const links = new Map<string, LinkReport>()
  const violations = [...state.violations]
  for (const one of state.received) match(state, links, violations, one)
  for (const [key, clocks] of state.sent)
    for (const arrived of clocks.values()) if (!arrived) linkIn(links, key.slice(0, key.lastIndexOf(' '))).lost++
  for (const { name, unstamped } of state.processes.values())
    if (unstamped > 0) violations.push(`${name} wrote ${unstamped} records without its clock`)
  for (const link of REQUIRED) {
    const { checked } = linkIn(links, link)
    if (checked < least) violations.push(`${link}: ${checked} messages were checked, at least ${least} were expected`)
  }
  const all = [...links.values()].sort((a, b) => (a.link < b.link ? -1 : 1))
  const checked = all.reduce((sum, one) => sum + one.checked, 0)
  return { processes: state.processes.size, checked, links: all, violations }
}

/** Finds who sent a message that was received. */
function match({ sent }: State, links: Map<string, LinkReport>, violations: string[], one: Received): void {
  const { by, link, message, carried } = one
  const clocks = sent.get(`${link} ${message}`)
  const what = `${by} received ${link} ${message} that carried ${carried}`
  if (clocks?.has(carried)) {
    clocks.set(carried, true)
    linkIn(links, link).checked++
  } else if (clocks !== undefined) violations.push(`${what}; it was sent at ${[...clocks.keys()].join(', ')}`)
  else if (OUTSIDE.test(link)) linkIn(links, link).outside++
  else violations.push(`${what}, and no process of these logs sent it`)
}

function linkIn(links: Map<string, LinkReport>, link: string): LinkReport {
  let report = links.get(link)
  if (report === undefined) {
    report = { link, checked: 0, outside: 0, lost: 0 }
    links.set(link, report)
  }
  return report
}

const isClock = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
