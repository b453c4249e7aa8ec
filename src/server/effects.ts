/** Carries out what the core asks for: disk, peers, clients, subscribers, ref, log. */
import { tick } from '../core/lamport.ts'
import type { Replica } from '../core/replica.ts'
import type { Effect, Input, Outcome } from '../core/types.ts'
import type { Log } from '../platform/log.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import type { Store } from '../platform/store.ts'
import { encode } from '../protocol/codec.ts'
import { refuse } from '../protocol/errors.ts'
import { type ReplicaMessage, replicaEnvelope } from '../protocol/replica.ts'
import { replicaTopic } from '../protocol/topics.ts'
import type { Effects } from './engine.ts'
import { complainOfDamage } from './file-service.ts'
import { createLookups, type Lookups } from './lookups.ts'
import type { Peers } from './peers.ts'
import type { Publisher } from './publisher.ts'
import { answer, answerFound, hasRoom, type Token } from './replies.ts'
import type { ClusterTime } from './time.ts'

/** Bytes of public lines in one piece for a server that copies. */
const COPY_BYTES = 512 * 1024
/** Pieces that are read at the same time; who is not served asks again. */
const MOST_COPIES = 4

export type EffectsOptions = {
  replica: Replica
  store: Store
  peers: Peers
  publisher: Publisher
  time: ClusterTime
  log: Log
  messages: MessageLog | null
  complain: Complain
  post(input: Input): void
  /** Hands back what the next step does not take: see Effects. */
  handBack: Effects['handBack']
  /** Ends this server. */
  stop(why: string): void
  /** ref should hear of this server soon. */
  report(): void
  /** The state may have changed. */
  stepDone(): void
}

export function createEffects(options: EffectsOptions): Effects {
  const { replica, store, peers, publisher, time, log, post } = options
  const topic = replicaTopic(replica.rank)
  const give = createGiver(options)
  const lookups = createLookups((query, upTo) => store.query(query, upTo))
  const carryOut = (effect: Effect): Input | null => {
    switch (effect.type) {
      case 'publish':
        if (publisher.wanted(topic)) publisher.publish(topic, encode(replicaEnvelope(effect.message, time.now())))
        return null
      case 'send':
        peers.send(effect.to, effect.message)
        return null
      case 'copy':
        void give(effect)
        return null
      case 'commit': {
        // Subscribers need not wait for the disk.
        publisher.flush()
        const committed: Input = { type: 'committed', token: effect.token }
        return store.commit(effect.records, () => post(committed)) ? committed : null
      }
      case 'write':
        store.write(effect.log, effect.lines)
        return null
      case 'checkpoint':
        store.checkpoint(effect, () => post({ type: 'checkpointed', token: effect.token }))
        return null
      case 'reply':
        reply(options, lookups, effect.token as Token, effect.outcome)
        return null
      case 'deliver':
        deliver(publisher, effect)
        return null
      case 'report':
        options.report()
        return null
      case 'stop':
        options.stop(effect.why)
        return null
      case 'log':
        log[effect.level](effect.fields, effect.text)
        return null
    }
  }
  return {
    announce: createAnnouncer(options),
    carryOut,
    handBack: options.handBack,
    stepDone() {
      publisher.flush()
      options.stepDone()
    },
  }
}

/**
 * Notes what a step sends before anything of it is carried out: its messages had their clocks in the step, and carrying out
 * an answer raises the clock further.
 */
function createAnnouncer({ replica, publisher, messages }: EffectsOptions): Effects['announce'] {
  if (messages === null) return null
  const topic = replicaTopic(replica.rank)
  return (effects) => {
    // One message may go to several.
    const announced = new Set<ReplicaMessage>()
    for (const effect of effects) {
      if (effect.type !== 'send' && !(effect.type === 'publish' && publisher.wanted(topic))) continue
      const { message } = effect
      if (announced.has(message)) continue
      announced.add(message)
      messages.sent(`server>server ${message.type}`, message.instance, message.clock)
    }
  }
}

const BUSY = refuse('unavailable', 'too many questions about the history are waiting; try again')

/** Answers a request; a question is looked up in the public files first. */
function reply({ replica, complain }: EffectsOptions, lookups: Lookups, token: Token, outcome: Outcome): void {
  if (!('query' in outcome)) return answer(token, outcome)
  const { query, stale } = outcome
  if (!hasRoom(token)) return answerFound(token, null, stale)
  lookups.ask(query, replica.position).then(
    (found) => (found === null ? answer(token, { refusal: BUSY }) : answerFound(token, found, stale || found.stale)),
    (error: Error) => {
      complainOfDamage(complain, error)
      answer(token, { refusal: refuse('unavailable', 'the history cannot be read here; try again') })
    },
  )
}

/** Gives public lines to servers that copy them, a few at a time. */
function createGiver({ replica, store, peers, messages, complain }: EffectsOptions) {
  let giving = 0
  return async ({ to, from, upTo, view }: Extract<Effect, { type: 'copy' }>): Promise<void> => {
    if (giving >= MOST_COPIES) return
    giving++
    try {
      const lines = await store.copy(from, upTo, COPY_BYTES)
      replica.clock = tick(replica.clock)
      const { rank, instance, clock, position } = replica
      const { writes } = replica.app
      messages?.sent('server>server copied', instance, clock)
      peers.send(to, { type: 'copied', rank, instance, clock, from, ...lines, position, view, writes })
    } catch (error) {
      complainOfDamage(complain, error as Error)
    } finally {
      giving--
    }
  }
}

/** Tells subscribers of an event; what nobody subscribed to is not even made. */
function deliver(publisher: Publisher, { event, origin }: Extract<Effect, { type: 'deliver' }>): void {
  const { service, body, time, clock, seq, id } = event
  const { publication } = service
  if (publication === undefined) return
  const topic = publication.topic(body)
  if (!publisher.wanted(topic)) return
  publisher.gather(topic, { ...publication.map(body), timestamp: time, clock, origin, seq, id })
}
