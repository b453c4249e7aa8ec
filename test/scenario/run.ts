/**
 * Runs a scenario: a text of commands, each followed by `----` and what happens. The replicas are the real ones, on a
 * network that delivers everything at once and disks that are instantly durable, so that a person can follow.
 *
 * Commands: `start N` · `start N, S with another service` · `request S service {json} as id` · `view N: 1 2 …` (as ref would issue it) · `down S` · `up S` ·
 * `hold A>B` (its messages wait) · `release A>B` · `stall S` (its fsyncs do not end) · `resume S` · `wait ms` · `files`
 */

import { emptyFound, recover } from '../../src/core/recovery.ts'
import { createReplica, type Replica, step } from '../../src/core/replica.ts'
import type { Effect, Input, Outcome } from '../../src/core/types.ts'
import type { Module } from '../../src/protocol/plugin.ts'
import {
  type Instance,
  type Member,
  makeOrigin,
  type Rank,
  type ReplicaMessage,
  type View,
} from '../../src/protocol/replica.ts'
import { createApplication, NO_HOST } from '../../src/server/services/index.ts'
import type { Kit } from '../../src/server/services/kit.ts'

type Server = { rank: number; replica: Replica | null; files: Map<string, string> }
type Sent = { from: number; to: number; message: ReplicaMessage }

/** Runs all commands; returns the scenario with what really happened. */
export function runScenario(text: string): string {
  const world = createWorld()
  const out: string[] = []
  for (const block of text.trimEnd().split(/\n\n(?=[a-z#])/)) {
    const [commands] = block.split('\n----')
    out.push(commands!)
    for (const line of commands!.split('\n')) if (!line.startsWith('#')) world.run(line.trim())
    const happened = world.take()
    if (commands!.split('\n').some((line) => !line.startsWith('#'))) out.push('----', ...happened)
    out.push('')
  }
  return `${out.join('\n').trimEnd()}\n`
}

/** A writing service that those without it would not know how to apply. */
const OTHER_SERVICE: Module = {
  ...{ file: 'vote.mjs', sha256: 'c0ffee0123456789' },
  exports: {
    plugin: ({ z, writeService }: Kit) => ({
      services: [
        writeService({
          ...{ name: 'vote', summary: 'Votes.', schema: z.object({}), ack: 'ordered', log: 'votes' },
          ...{ prepare: () => ({ body: {} }), success: { status: 'OK' } },
        }),
      ],
    }),
  },
}

function createWorld() {
  const servers = new Map<number, Server>()
  const held = new Map<string, Sent[]>()
  const stalled = new Map<number, Input[]>()
  const queue: Sent[] = []
  let happened: string[] = []
  let now = 0
  let view: View | null = null

  const feed = (server: Server, input: Input): void => {
    if (server.replica === null) return
    for (const effect of step(server.replica, now, [input])) carryOut(server, effect)
  }
  const send = (from: Server, to: number, message: ReplicaMessage): void => {
    const link = `${from.rank}>${to}`
    const sent = { from: from.rank, to, message }
    if (held.has(link)) held.get(link)!.push(sent)
    else queue.push(sent)
  }
  const carryOut = (server: Server, effect: Effect): void => {
    const { rank } = server
    if (effect.type === 'publish') for (const to of servers.keys()) if (to !== rank) send(server, to, effect.message)
    if (effect.type === 'send') {
      const to = [...servers.values()].find((one) => one.replica?.instance === effect.to)
      if (to !== undefined) send(server, to.rank, effect.message)
    }
    if (effect.type === 'commit') {
      const committed: Input = { type: 'committed', token: effect.token }
      if (stalled.has(rank)) stalled.get(rank)!.push(committed)
      else feed(server, committed)
    }
    if (effect.type === 'checkpoint') feed(server, { type: 'checkpointed', token: effect.token })
    if (effect.type === 'write')
      server.files.set(effect.log, (server.files.get(effect.log) ?? '') + Buffer.from(effect.lines))
    if (effect.type === 'reply') happened.push(`server ${rank} answers ${effect.token}: ${show(effect.outcome)}`)
    if (effect.type === 'log' && /view/.test(effect.text)) {
      const { view: number, members } = effect.fields
      happened.push(`server ${rank}: ${effect.text} ${number}, members ${(members as number[]).join(' ')}`)
    }
    if (effect.type === 'copy') giveCopy(server, effect)
    if (effect.type === 'stop') {
      happened.push(`server ${rank} stops: ${effect.why}`)
      server.replica = null
    }
  }
  const giveCopy = (server: Server, { to, from, upTo, view: number }: Extract<Effect, { type: 'copy' }>): void => {
    const taker = [...servers.values()].find((one) => one.replica?.instance === to)
    if (taker === undefined) return
    const isWanted = (line: string): boolean =>
      Number.parseInt(line.slice(5), 10) > from && Number.parseInt(line.slice(5), 10) <= upTo
    const files = [...server.files].map(([log, text]): [string, Uint8Array] => [
      log,
      Buffer.from(
        text
          .split('\n')
          .filter(isWanted)
          .map((line) => `${line}\n`)
          .join(''),
      ),
    ])
    const { rank, instance, clock, position } = server.replica!
    const given = files.filter(([, lines]) => lines.length > 0)
    send(server, taker.rank, {
      type: 'copied',
      rank,
      instance,
      clock,
      from,
      to: upTo,
      position,
      view: number,
      files: given,
      writes: server.replica!.app.writes,
    })
  }
  const deliver = (): void => {
    for (let count = 0; queue.length > 0 && count < 10_000; count++) {
      const { to, message } = queue.shift()!
      const server = servers.get(to)
      if (server !== undefined) feed(server, { type: 'message', message })
    }
  }
  const pass = (ms: number): void => {
    for (const end = now + ms; now < end; ) {
      now += 50
      for (const server of servers.values()) feed(server, { type: 'tick' })
      deliver()
    }
  }
  const start = (rank: number, modules: Module[] = []): Server => {
    const app = createApplication(NO_HOST, modules)
    const { restored } = recover(app, emptyFound(app, 1000))
    const instance = `instance-${rank}` as Instance
    return { rank, replica: createReplica(rank as Rank, instance, app, restored), files: new Map() }
  }
  const issue = (number: number, ranks: number[]): void => {
    const before = view
    const members = ranks.map((rank): Member => {
      const kept = before?.members.find((member) => member.rank === rank)
      const fresh = {
        rank: rank as Rank,
        origin: makeOrigin(rank as Rank, number),
        instance: `instance-${rank}` as Instance,
      }
      return kept ?? { ...fresh, endpoint: { peer: '', pub: '' } }
    })
    view = { number, nonce: `n${number}`, quorum: Math.floor(servers.size / 2) + 1, members }
    for (const server of servers.values()) feed(server, { type: 'view', view })
  }
  const commands: [RegExp, (...parts: string[]) => void][] = [
    [
      /^start (\d+)(?:, (\d+) with another service)?$/,
      (count, other) => {
        for (let rank = 1; rank <= Number(count); rank++)
          servers.set(rank, start(rank, rank === Number(other) ? [OTHER_SERVICE] : []))
        issue(1, [...servers.keys()])
      },
    ],
    [
      /^request (\d+) ([\w]+) (\{.*\}) as (\S+)$/,
      (rank, service, json, id) => {
        const request = { token: id, service: service!, id: id!, data: JSON.parse(json!), clock: 0, stamp: 0 }
        feed(servers.get(Number(rank))!, { type: 'requests', requests: [request], time: now })
      },
    ],
    [/^view (\d+): ([\d ]+)$/, (number, ranks) => issue(Number(number), ranks!.split(' ').map(Number))],
    [
      /^down (\d+)$/,
      (rank) => {
        servers.get(Number(rank))!.replica = null
      },
    ],
    [/^hold (\d+>\d+)$/, (link) => held.set(link!, [])],
    [
      /^release (\d+>\d+)$/,
      (link) => {
        queue.push(...(held.get(link!) ?? []))
        held.delete(link!)
      },
    ],
    [/^stall (\d+)$/, (rank) => stalled.set(Number(rank), [])],
    [
      /^resume (\d+)$/,
      (rank) => {
        const inputs = stalled.get(Number(rank)) ?? []
        stalled.delete(Number(rank))
        for (const input of inputs) feed(servers.get(Number(rank))!, input)
      },
    ],
    [/^wait (\d+)$/, (ms) => pass(Number(ms))],
    [
      /^files$/,
      () => {
        for (const { rank, files } of servers.values()) {
          const lines = [...files].flatMap(([log, text]) =>
            text
              .trimEnd()
              .split('\n')
              .map((line) => ({ log, line })),
          )
          lines.sort((a, b) => Number.parseInt(a.line.slice(5), 10) - Number.parseInt(b.line.slice(5), 10))
          for (const { log, line } of lines) {
            const { n, origin, id, skipped } = JSON.parse(line)
            happened.push(
              `server ${rank}: ${n} ${id} of ${origin} in ${log}${skipped === undefined ? '' : ` (${skipped})`}`,
            )
          }
        }
      },
    ],
  ]
  return {
    run(line: string): void {
      const found = commands.find(([pattern]) => pattern.test(line))
      if (found === undefined) throw new Error(`no such command: ${line}`)
      found[1](...found[0].exec(line)!.slice(1))
      deliver()
    },
    take(): string[] {
      const lines = happened
      happened = []
      return lines
    },
  }
}

function show(outcome: Outcome): string {
  if ('refusal' in outcome) return `${outcome.refusal.code}, ${outcome.refusal.description}`
  if ('query' in outcome) return `a page of ${outcome.query.log}`
  return JSON.stringify(outcome.data) + (outcome.stale ? ' (stale)' : '')
}
