/**
 * The connections to brokers: requests in, replies out. They exist only while this server is in a view, so that brokers
 * give requests to those who can answer them.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../core/lamport.ts'
import type { ClientRequest } from '../core/types.ts'
import type { MessageLog } from '../platform/message-log.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import { createSocket, createWriter, readLoop } from '../platform/sockets.ts'
import { decode } from '../protocol/codec.ts'
import { type Request, readBody } from '../protocol/envelope.ts'
import { refuse } from '../protocol/errors.ts'
import { isStamp, mayHandBack, restamp, stampClock, stampId } from '../protocol/stamp.ts'
import { answer, type Batch, encodeReply, type Token } from './replies.ts'
import { createReplyLine, type ReplyLine } from './reply-line.ts'
import type { ClusterTime } from './time.ts'

/** Requests without an answer, and bytes of their bodies, above which no more are read. */
const MOST_UNANSWERED = 20_000
const MOST_BYTES = 8 << 20
/** Bytes read in one turn of the event loop: what they make is written and sent on in one go. */
const BYTES_PER_TURN = 1 << 20
/** Messages read ahead from a broker, and replies on their way to it; of up to 1 MiB, so few. */
const REQUEST_QUEUE = 4
const REPLY_QUEUE = 64
/** Bytes of requests that the kernel holds: little, so that a server that is behind is soon full and others are given more. */
const KERNEL_BYTES = 8 * 1024
/** How long replies may take to leave when a connection is closed. */
const LINGER_MS = 1000
const DRAIN_MS = 1000
const EMPTY = Buffer.alloc(0)

export type WorkersOptions = {
  urls: readonly string[]
  time: ClusterTime
  complain: Complain
  onRequests(requests: readonly ClientRequest[]): void
  clock: Clock
  messages: MessageLog | null
}

export type Workers = {
  /** Whether the brokers are connected. */
  readonly connected: boolean
  /** Requests without an answer. */
  readonly unanswered: number
  connect(): void
  /** Replies that were given still leave. */
  disconnect(): Promise<void>
  /** Reads no more requests, and answers those it has. */
  drain(): void
}

type Link = { socket: ReturnType<typeof createSocket<'dealer'>>; replies: ReplyLine }

export function createWorkers(options: WorkersOptions): Workers {
  const { urls, time, complain, clock, messages } = options
  let links: Link[] = []
  let draining = false
  let unanswered = 0
  let bytes = 0
  let bytesInTurn = 0
  let waiting: (() => void)[] = []

  const isFull = (): boolean => unanswered >= MOST_UNANSWERED || bytes >= MOST_BYTES
  const pause = (): Promise<void> | null => {
    if (draining || isFull()) return new Promise((resolve) => waiting.push(resolve))
    if (bytesInTurn < BYTES_PER_TURN) return null
    return new Promise((resolve) => setImmediate(resolve))
  }
  const resume = (): void => {
    const woken = waiting
    waiting = []
    for (const go of woken) go()
  }
  const receive = ({ replies }: Link, frames: Buffer[]): void => {
    const message = readMessage(frames)
    if (message === null) return complain('dropped a message from a broker: an empty frame and a body were expected')
    const size = message.body.length
    const letGo = (batch: Batch): void => {
      unanswered -= batch.requests.length
      bytes -= size
      if (waiting.length > 0 && !draining && !isFull()) resume()
    }
    const reply = (done: Batch): Uint8Array[] => {
      letGo(done)
      const body = encodeReply(done, time.now(), clock.tick())
      messages?.sent('server>broker', body, clock.now)
      return toFrames(message, body, clock.now)
    }
    const carried = message.stamp === null ? 0 : stampClock(message.stamp)
    clock.merge(carried)
    messages?.received('broker>server', message.body, carried, clock.now)
    const batch = takeBody(message.body, complain, (done) => replies.add(() => reply(done)))
    if (message.stamp !== null && mayHandBack(message.stamp))
      batch.handBack = () => {
        letGo(batch)
        replies.add(() => toFrames(message, EMPTY, clock.tick()))
      }
    unanswered += batch.requests.length
    bytes += size
    if (bytesInTurn === 0) setImmediate(() => (bytesInTurn = 0))
    bytesInTurn += size
    options.onRequests(toRequests(batch, message.stamp))
  }
  return {
    get connected() {
      return links.length > 0
    },
    get unanswered() {
      return unanswered
    },
    connect() {
      if (links.length === 0 && !draining) links = urls.map((url) => openLink(url, receive, pause))
    },
    async disconnect() {
      const closing = links
      links = []
      await Promise.all(closing.map(closeLink))
      resume()
    },
    drain() {
      draining = true
    },
  }
}

function openLink(
  url: string,
  receive: (link: Link, frames: Buffer[]) => void,
  pause: () => Promise<void> | null,
): Link {
  // No heartbeats: a server that reads nothing for a while, because it is full, must not cut itself off.
  const socket = createSocket('dealer', {
    ...{ receiveHighWaterMark: REQUEST_QUEUE, sendHighWaterMark: REPLY_QUEUE },
    ...{ linger: LINGER_MS, heartbeats: false, receiveKernelBytes: KERNEL_BYTES },
  })
  const link = { socket, replies: createReplyLine(createWriter(socket)) }
  socket.connect(url)
  void readLoop(socket, (frames) => receive(link, frames), { pause })
  return link
}

function toFrames({ route, stamp }: Message, body: Uint8Array, clock: number): Uint8Array[] {
  return stamp === null ? [...route, EMPTY, body] : [...route, restamp(stamp, clock), EMPTY, body]
}

async function closeLink({ socket, replies }: Link): Promise<void> {
  const limit = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref())
  await Promise.race([replies.drained(), limit])
  replies.close()
  socket.close()
}

type Message = { route: Buffer[]; stamp: Buffer | null; body: Buffer }

/** Reads `[identity, …, stamp, '', body]`; the frames that are kept until the reply are copied: a small one pins 8 KB. */
function readMessage(frames: Buffer[]): Message | null {
  const at = frames.length - 2
  if (at < 0 || frames[at]!.length !== 0) return null
  const last = at === 0 ? undefined : frames[at - 1]!
  const stamp = last !== undefined && isStamp(last) ? Buffer.from(last) : null
  const route = frames.slice(0, stamp === null ? at : at - 1).map((frame) => Buffer.from(frame))
  return { route, stamp, body: frames[at + 1]! }
}

/** Reads a body into a batch of requests to answer. */
function takeBody(bytes: Buffer, complain: Complain, complete: (batch: Batch) => void): Batch {
  let read: ReturnType<typeof readBody>
  try {
    read = readBody(decode(bytes))
  } catch (error) {
    const description = (error as Error).message
    complain('a request could not be read', { wrong: description })
    const wrong = refuse('bad_request', description)
    read = { requests: [{ service: '', id: null, data: {}, clock: 0, wrong }], batch: false }
  }
  const { requests, batch: isArray } = read
  return {
    requests,
    isArray,
    answers: requests.map(() => null),
    missing: requests.length,
    found: 0,
    complete,
    handBack: null,
  }
}

/** What the core is told of a batch; what is wrong in its form is answered here. */
function toRequests(batch: Batch, stamp: Buffer | null): ClientRequest[] {
  const broker = stamp === null ? 0 : stampClock(stamp)
  const requests: ClientRequest[] = []
  for (let index = 0; index < batch.requests.length; index++) {
    const request = batch.requests[index]!
    const token: Token = { batch, index }
    if (request.wrong !== null) answer(token, { refusal: request.wrong })
    else {
      const { service, data, clock } = request
      requests.push({ token, service, id: request.id ?? idOf(request, stamp, index), data, clock, stamp: broker })
    }
  }
  return requests
}

/** A request that brought no id: the broker's number for it stands in, and without a broker nothing can be repeated. */
const idOf = (request: Request, stamp: Buffer | null, index: number): string =>
  request.id ?? (stamp === null ? `~${randomBytes(12).toString('hex')}` : stampId(stamp, index))
