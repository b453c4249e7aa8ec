/** Brokers, clients and workers of the plainest kinds, for the tests of the broker. */
import { Dealer, Request } from 'zeromq'
import { decode, encode } from '../../src/protocol/codec.ts'
import { freePorts, local, type Running, startRole, until } from './broker-harness.ts'

export type AtEnd = (undo: () => unknown) => void
export type Ports = { front: number; back: number; mean: number; health: number }

export async function startBroker(
  atEnd: AtEnd,
  env: Record<string, string> = {},
  given?: Ports,
): Promise<{ ports: Ports; broker: Running }> {
  const free = (await freePorts(4)) as [number, number, number, number]
  const [front, back, mean, healthPort] =
    given === undefined ? free : [given.front, given.back, given.mean, given.health]
  const routes = env.ROUTED === undefined ? {} : { BROKER_ROUTES: `mean=${mean}` }
  const broker = startRole('broker', {
    BROKER_PORT: front,
    BROKER_BACK_PORT: back,
    HEALTH_PORT: healthPort,
    ...routes,
    ...env,
  })
  atEnd(() => broker.stop())
  await until(() => broker.output().includes('taking requests'), 'the broker')
  return { ports: { front, back, mean, health: healthPort }, broker }
}

/** A client of the plainest kind: a REQ socket that waits. */
export function plainClient(port: number, atEnd: AtEnd): (body: unknown) => Promise<unknown> {
  const socket = new Request({ linger: 0, receiveTimeout: 25_000 })
  atEnd(() => socket.close())
  socket.connect(local(port))
  return async (body) => {
    await socket.send(encode(body))
    return decode((await socket.receive())[0]!)
  }
}

/** A dealer that serves until it is closed; `serve` returns the reply's body, or null for none. */
export function dealerWorker(port: number, atEnd: AtEnd, serve: (frames: Buffer[]) => Uint8Array | null): Dealer {
  const socket = new Dealer({ linger: 0 })
  atEnd(() => socket.close())
  socket.connect(local(port))
  void (async () => {
    for await (const frames of socket) {
      const body = serve(frames)
      if (body !== null && !socket.closed) await socket.send([...frames.slice(0, -1), body])
    }
  })()
  return socket
}

export const echo = (body: Buffer): Uint8Array => {
  const one = (value: unknown) => ({ ...(value as object), data: { status: 'OK', timestamp: 1, clock: 1 } })
  const value = decode(body)
  return encode(Array.isArray(value) ? value.map(one) : one(value))
}

export const request = (service: string, data: Record<string, unknown> = {}) => ({ service, data })
