/**
 * Keeps the server's clock together with those of the others: runs the core's timekeeper, which asks and answers over the
 * peer channel, and tells everybody through the proxies who the coordinator is.
 */
import { tick } from '../core/lamport.ts'
import { hear, type Replica } from '../core/replica.ts'
import {
  clockStatus,
  countExchanged,
  createTimekeeper,
  stepTime,
  type TimekeepingEffect,
  type TimekeepingInput,
} from '../core/timekeeper.ts'
import type { Log } from '../platform/log.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { ClockStatus } from '../protocol/clock-status.ts'
import { encode } from '../protocol/codec.ts'
import type { View } from '../protocol/replica.ts'
import { type TimekeepingEnvelope, timekeepingEnvelope } from '../protocol/timekeeping.ts'
import { SERVERS_TOPIC } from '../protocol/topics.ts'
import type { Peers } from './peers.ts'
import type { Publisher } from './publisher.ts'
import type { ClusterTime } from './time.ts'

export type TimekeepingOptions = {
  replica: Replica
  name: string
  time: ClusterTime
  peers: Peers
  publisher: Publisher
  log: Log
  messages: MessageLog | null
  /** ref should be asked for the newest view soon. */
  report(): void
}

export type Timekeeping = {
  /** To be called every 50 ms. */
  tick(): void
  /** To be called when the replica may know a newer view. */
  look(): void
  take(envelope: TimekeepingEnvelope): void
  /** Counts messages with clients. */
  exchanged(messages: number): void
  status(): ClockStatus
}

export function createTimekeeping(options: TimekeepingOptions): Timekeeping {
  const { replica, time, messages } = options
  const keeper = createTimekeeper(replica.rank, time.clock)
  let looked: View | null = null
  const run = (input: TimekeepingInput): void => {
    for (const effect of stepTime(keeper, performance.now(), input)) carryOut(options, effect)
  }
  return {
    tick: () => run({ type: 'tick', wall: Date.now() }),
    look() {
      if (replica.known === null || replica.known === looked) return
      looked = replica.known
      run({ type: 'view', view: looked, member: replica.origin !== null })
    },
    take({ from, message }) {
      if (from.instance === replica.instance) return
      hear(replica, from)
      messages?.received(`server>server ${message.type}`, from.instance, from.clock, replica.clock)
      run({ type: 'message', from, message })
    },
    exchanged: (messages) => countExchanged(keeper, messages),
    status: () => clockStatus(keeper, performance.now()),
  }
}

function carryOut(options: TimekeepingOptions, effect: TimekeepingEffect): void {
  const { replica, name, time, peers, publisher, log, messages } = options
  const { rank, instance } = replica
  switch (effect.type) {
    case 'send': {
      replica.clock = tick(replica.clock)
      const from = { rank, instance, clock: replica.clock }
      messages?.sent(`server>server ${effect.message.type}`, instance, replica.clock)
      return peers.sendBody(effect.to, encode(timekeepingEnvelope({ from, message: effect.message }, time.now())))
    }
    case 'announce': {
      replica.clock = tick(replica.clock)
      const stamped = { timestamp: time.now(), clock: replica.clock }
      const data = { coordinator: name, rank, term: effect.term, ...stamped }
      return publisher.publish(SERVERS_TOPIC, encode({ service: 'election', data }))
    }
    case 'report':
      return options.report()
    case 'log':
      return log[effect.level](effect.fields, effect.text)
  }
}
