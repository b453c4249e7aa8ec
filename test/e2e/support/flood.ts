/**
 * A process of its own that loads a cluster without mercy: clients in it send on whatever happens, until it is told to
 * stop or its time is over. What it was told OK it reports, so that the files can be checked for it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Operation } from './history.ts'

export type FloodPlan = {
  /**
   * `library`: the client library with so many calls in flight; `pipeline`: plain dealers that send as fast as the socket
   * takes it, and read; `mute`: the same, and never read.
   */
  kind: 'library' | 'pipeline' | 'mute'
  broker: string
  /** The user that it writes as, and what its texts begin with. */
  user: string
  channel: string
  connections: number
  /** Requests without a reply that each connection has at most; without an end for `mute`. */
  inFlight: number
  /** Bytes of each message. */
  bytes: number
  /** What `mute` asks for; `publish` by default. */
  service?: 'publish' | 'history' | 'users'
  seconds: number
}

export type FloodReport = {
  sent: number
  /** The numbers of the texts that were answered OK. */
  okay: number[]
  /** Errors by code. */
  refused: Record<string, number>
  unanswered: number
}

export type Flood = {
  plan: FloodPlan
  child: ChildProcess
  /** Tells it to stop sending; resolves with what became of it all. */
  done: Promise<FloodReport>
}

/** Starts a flood; it ends by itself after its time. */
export function startFlood(plan: FloodPlan): Flood {
  const program = fileURLToPath(new URL('./flood-main.js', import.meta.url))
  const child = fork(program, [JSON.stringify(plan)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return { plan, child, done: reportOf(child) }
}

async function reportOf(child: ChildProcess): Promise<FloodReport> {
  let report: FloodReport | null = null
  child.on('message', (message) => {
    report = message as FloodReport
  })
  const [code, signal] = await once(child, 'exit')
  if (report === null) throw new Error(`a flood ended without a report: code ${code}, signal ${signal}`)
  return report
}

export const textOf = (user: string, number: number): string => `${user} says ${number} `

/** The text of one message, of about so many bytes. */
export const paddedText = (user: string, number: number, bytes: number): string =>
  textOf(user, number).padEnd(bytes, 'x')

/** What a flood did, for `assertSettled`: it kept many in flight, so nothing is known of their order. */
export function operationsOf({ plan }: Flood, report: FloodReport): Operation[] {
  const okay = new Set(report.okay)
  return Array.from({ length: report.sent }, (_, number) => {
    const text = paddedText(plan.user, number, plan.bytes)
    const result = okay.has(number) ? 'ok' : 'unknown'
    return { client: text, text, invokedAt: 0, answeredAt: result === 'ok' ? 0 : null, result, error: '' }
  })
}
