/** The connection to ref: a heartbeat every second, views as they come, and questions that are asked until answered. */

import type { Log } from '../platform/log.ts'
import { createComplaints } from '../platform/socket-complaints.ts'
import { createSocket, createWriter, readLoop } from '../platform/sockets.ts'
import { decode, encode } from '../protocol/codec.ts'
import { type Data, isMap, readClock } from '../protocol/envelope.ts'
import type { Instance } from '../protocol/replica.ts'

const ASK_AGAIN_MS = 1000
const REMIND_MS = 10_000

export type RefLink = {
  /** Tells; what comes back goes to `onAnswer`. */
  tell(service: string, data: Data): void
  /** Asks, again every second, until there is an answer that is no retriable error or `limitMs` are over (null then). */
  ask(service: string, data: Data, limitMs?: number): Promise<Data | null>
  close(): void
}

export type RefLinkOptions = {
  url: string
  instance: Instance
  log: Log
  /** Data of heartbeats' replies and of views that ref sends by itself, with the sender's clock. */
  onAnswer(data: Data, clock: number): void
}

export function connectRef({ url, instance, log, onAnswer }: RefLinkOptions): RefLink {
  const complain = createComplaints(log)
  // Only to a ref that is there: what it should have heard a while ago is of no use to it.
  const socket = createSocket('dealer', { immediate: true, linger: 300 })
  socket.routingId = instance
  const writer = createWriter(socket, { maxQueued: 2 })
  const asked = new Map<string, (data: Data) => void>()
  let lastId = 0
  socket.connect(url)
  void readLoop(socket, (frames) => {
    let value: unknown
    try {
      value = decode(frames.at(-1)!)
    } catch {
      value = null
    }
    if (!isMap(value) || !isMap(value.data)) return complain('ref sent something that is no envelope')
    const resolve = typeof value.id === 'string' ? asked.get(value.id) : undefined
    if (resolve !== undefined) resolve(value.data)
    else if (value.service === 'heartbeat' || value.service === 'view')
      onAnswer(value.data, readClock(value.data.clock) ?? 0)
  })
  const send = (envelope: Data): void => {
    writer.send(['', encode(envelope)])
  }

  return {
    tell: (service, data) => send({ service, data }),
    ask(service, data, limitMs = Number.POSITIVE_INFINITY) {
      const id = `${instance}-${++lastId}`
      return new Promise((resolve) => {
        const from = performance.now()
        let remindAt = from + ASK_AGAIN_MS
        const finish = (answer: Data | null): void => {
          clearInterval(timer)
          asked.delete(id)
          resolve(answer)
        }
        const again = (): void => {
          const now = performance.now()
          if (now - from >= limitMs) return finish(null)
          if (now >= remindAt) {
            log.info({ ref: url, service }, 'waiting for ref')
            remindAt = now + REMIND_MS
          }
          send({ service, id, data: { ...data, timestamp: Date.now(), clock: 0 } })
        }
        const timer = setInterval(again, Math.min(ASK_AGAIN_MS, limitMs))
        asked.set(id, (answer) => {
          if (answer.retriable !== true) finish(answer)
        })
        again()
      })
    },
    close() {
      writer.close()
      socket.close()
    },
  }
}
