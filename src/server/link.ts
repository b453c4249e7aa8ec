/** A connection to ask over: to ref, for heartbeats, views as they come and questions that are asked until answered; to another server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../core/lamport.ts'
import type { Log } from '../platform/log.ts'
import type { MessageLog } from '../platform/message-log.ts'
import { createComplaints } from '../platform/socket-complaints.ts'
import { createSocket, createWriter, readLoop } from '../platform/sockets.ts'
import { decode, encode } from '../protocol/codec.ts'
import { type Data, isMap, readClock } from '../protocol/envelope.ts'
import type { ClusterTime } from './time.ts'

const ASK_AGAIN_MS = 1000
const REMIND_MS = 10_000

export type Link = {
  /** Tells; what goes out gets timestamp and clock here, what comes back goes to `onAnswer`. */
  tell(service: string, data: Data): void
  /** Asks, again every second, until there is an answer that is no retriable error or `limitMs` are over (null then). */
  ask(service: string, data: Data, limitMs?: number): Promise<Data | null>
  close(): void
}

export type LinkOptions = {
  url: string
  /** What it is called at the other end: of two connections with the same name the older is closed. */
  identity: string
  /** Who is at the other end, for the log. */
  peer: 'ref' | 'server'
  log: Log
  messages: MessageLog | null
  clock: Clock
  time: ClusterTime
  /** Data of heartbeats' replies and of views that ref sends by itself. */
  onAnswer?(data: Data): void
}

export function connectLink({ url, identity, peer, log, messages, clock, time, onAnswer }: LinkOptions): Link {
  const complain = createComplaints(log)
  // Only to one that is there: what it should have heard a while ago is of no use to it.
  const socket = createSocket('dealer', { immediate: true, linger: 300 })
  socket.routingId = identity
  const writer = createWriter(socket, { maxQueued: 2 })
  const asked = new Map<string, (data: Data) => void>()
  let lastId = 0
  socket.connect(url)
  void readLoop(socket, (frames) => {
    const envelope = readEnvelope(frames.at(-1)!)
    if (envelope === null) return complain(`${peer} sent something that is no envelope`)
    const { service, id, data } = envelope
    clock.merge(data.clock)
    messages?.received(
      peer === 'ref' ? 'ref>server' : 'server>tool',
      frames.at(-1)!,
      readClock(data.clock) ?? 0,
      clock.now,
    )
    const resolve = typeof id === 'string' ? asked.get(id) : undefined
    if (resolve !== undefined) resolve(data)
    else if (service === 'heartbeat' || service === 'view') onAnswer?.(data)
  })
  const send = (service: string, id: string | undefined, data: Data): void => {
    const body = encode({ service, id, data: { ...data, timestamp: time.now(), clock: clock.tick() } })
    messages?.sent(peer === 'ref' ? 'server>ref' : 'tool>server', body, clock.now)
    writer.send(['', body])
  }

  return {
    tell: (service, data) => send(service, undefined, data),
    async ask(service, data, limitMs = Number.POSITIVE_INFINITY) {
      const id = `${identity}-${++lastId}`
      const remind = (): void => log.info({ [peer]: url, service }, `waiting for ${peer}`)
      const again = (): void => send(service, id, data)
      const answered = new Promise<Data>((resolve) => {
        asked.set(id, (answer) => {
          if (answer.retriable !== true) resolve(answer)
        })
      })
      try {
        return await repeat(again, remind, answered, limitMs)
      } finally {
        asked.delete(id)
      }
    },
    close() {
      writer.close()
      socket.close()
    },
  }
}

/** Asks again every second until there is an answer, or the limit is over (null then). */
async function repeat(
  again: () => void,
  remind: () => void,
  answered: Promise<Data>,
  limitMs: number,
): Promise<Data | null> {
  const from = performance.now()
  let remindAt = from + ASK_AGAIN_MS
  while (performance.now() - from < limitMs) {
    again()
    const answer = await Promise.race([answered, sleep(Math.min(ASK_AGAIN_MS, limitMs), null)])
    if (answer !== null) return answer
    if (performance.now() < remindAt) continue
    remind()
    remindAt = performance.now() + REMIND_MS
  }
  return null
}

function readEnvelope(body: Buffer): { service: unknown; id: unknown; data: Data } | null {
  try {
    const value = decode(body)
    return isMap(value) && isMap(value.data) ? { service: value.service, id: value.id, data: value.data } : null
  } catch {
    return null
  }
}
