/** One question to a process of the cluster, as a plain REQ client would ask it. */
import { createClock } from '../core/lamport.ts'
import { createSocket } from '../platform/sockets.ts'
import { decode, encode } from '../protocol/codec.ts'
import { type Data, isMap } from '../protocol/envelope.ts'
import { EXIT, Failure } from './failure.ts'

const LIMIT_MS = 2000
/** A tool is a process of the system like any other, as long as it lives. */
export const ownClock = createClock()

/** Why there is no answer: nobody there, or an error reply. */
export class AskError extends Failure {}

/**
 * Sends `{service, data}` and waits for the reply's data.
 * @throws {AskError} when none comes within 2 s, or it says `erro`
 */
export async function ask(url: string, service: string, data: Data = {}): Promise<Data> {
  const socket = createSocket('dealer')
  socket.sendTimeout = LIMIT_MS
  socket.receiveTimeout = LIMIT_MS
  try {
    socket.connect(url)
    await socket.send(['', encode({ service, data: { ...data, timestamp: Date.now(), clock: ownClock.tick() } })])
    const frames = await socket.receive()
    return readReply(url, decode(frames.at(-1)!))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN')
      throw new AskError(`no answer from ${url} within 2 s`, EXIT.unreachable)
    throw error instanceof AskError ? error : new AskError(`${url}: ${(error as Error).message}`)
  } finally {
    socket.close()
  }
}

function readReply(url: string, reply: unknown): Data {
  if (!isMap(reply) || !isMap(reply.data)) throw new AskError(`${url} answered something that is no envelope`)
  ownClock.merge(reply.data.clock)
  if (reply.data.status === 'erro') throw new AskError(`${url} refused: ${String(reply.data.description)}`)
  return reply.data
}
