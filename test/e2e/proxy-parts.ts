/** Proxies, publishers and subscribers for the tests of the proxy. */
import { Publisher } from 'zeromq'
import { connect } from '../../src/client/client.ts'
import { freePorts, health, local, type Running, startRole, until } from './broker-harness.ts'

export type AtEnd = (undo: () => unknown) => void
export type Ports = { in: number; out: number; health: number }

export async function startProxy(atEnd: AtEnd, given?: Ports): Promise<{ ports: Ports; proxy: Running }> {
  const [input, output, healthPort] = (await freePorts(3)) as [number, number, number]
  const ports = given ?? { in: input, out: output, health: healthPort }
  const proxy = startRole('proxy', { PROXY_IN_PORT: ports.in, PROXY_OUT_PORT: ports.out, HEALTH_PORT: ports.health })
  atEnd(() => proxy.stop())
  await until(async () => (await health(ports.health))?.status === 200, 'the proxy')
  return { ports, proxy }
}

export function publisher(port: number, atEnd: AtEnd): Publisher {
  const socket = new Publisher({ linger: 0 })
  atEnd(() => socket.close())
  socket.connect(local(port))
  return socket
}

/** A client that only subscribes; no broker is needed for that. */
export function subscriber(port: number, atEnd: AtEnd) {
  const client = connect({ broker: 'tcp://127.0.0.1:9', proxy: local(port) })
  atEnd(() => client.close(0))
  return client
}

/** Publishes again and again until it is heard: a publisher does not know when it is connected. */
export async function publishUntil(
  socket: Publisher,
  frames: () => (string | Uint8Array)[],
  heard: () => boolean,
): Promise<void> {
  await until(async () => {
    if (heard()) return true
    await socket.send(frames())
    return false
  }, 'a publication to arrive')
}

export const publication = (id: string, message: string) => ({ type: 'publication', id, message, clock: 5 })

/** Collects what a subscription brings. */
export function collect(subscription: AsyncIterable<Record<string, unknown>>): string[] {
  const messages: string[] = []
  void (async () => {
    for await (const map of subscription) messages.push(String(map.message))
  })()
  return messages
}
