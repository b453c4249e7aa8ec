/**
 * The network between the processes of a cluster, as a relay that every connection goes through. Each direction between
 * any two processes can be cut: bytes stop where they are and arrive when it is mended, as with TCP over a network that
 * loses everything for a while, and neither side hears that the other has closed or wants to connect.
 *
 * Nobody needs privileges for this: servers and clients are told the relay's ports instead of the real ones, and what
 * servers advertise to each other has a host of its own, at which the relay listens.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../../../src/platform/config.ts'
import type { LogRecord, ProcessName } from '../cluster.ts'
import { createOwners, type Owners } from './network-owner.ts'
import { type Direction, Pipe } from './network-pipe.ts'

export type { Direction } from './network-pipe.ts'
/** This process, as the other end of a connection. */
export const CLIENT = 'client'

export type Network = {
  /** Variables for the cluster. */
  env: Record<string, string>
  /** The broker, for clients that should go through the relay. */
  brokerUrl: string
  /** Cuts these directions, in addition to what is cut. */
  cut(directions: readonly Direction[]): void
  /** Mends these directions, or everything. */
  mend(directions?: readonly Direction[]): void
  /** Pieces of data and connections that were held back so far. */
  held(): number
  close(): Promise<void>
}

/** What the relay asks of a cluster that is started after it. */
export type Processes = {
  /** Those whose connections are told apart. */
  names: readonly ProcessName[]
  pid(name: ProcessName): number | undefined
  onRecord(listener: (record: LogRecord) => void): void
}

/** Where servers say that they are; they listen at BIND_HOST. */
const PEER_HOST = '127.0.0.2'
/** How long whoever has connected may be none of the known processes. */
const UNKNOWN_LIMIT_MS = 2000
const UNKNOWN_AGAIN_MS = 50
/** After a partition hundreds connect at once: one look at the processes serves all that came within this time. */
const GATHER_MS = 5

/** Both directions between a process and others. */
export const between = (name: ProcessName, others: readonly ProcessName[]): Direction[] =>
  others.flatMap((other): Direction[] => [
    { from: name, to: other },
    { from: other, to: name },
  ])

/**
 * @param config of the cluster as it would be without the relay
 * @param processes resolves when the cluster is being started
 */
export async function createNetwork(config: Config, processes: Promise<Processes>): Promise<Network> {
  const cuts = new Set<string>()
  const connections = new Set<Pipe>()
  const servers = new Set<Server>()
  let held = 0
  const key = ({ from, to }: Direction): string => `${from} > ${to}`
  const isCut = (direction: Direction): boolean => cuts.has(key(direction))
  let cluster: Processes | null = null
  void processes.then((found) => {
    cluster = found
    found.onRecord((record) => void learn(record))
  })

  const owners = createOwners(() => [
    [CLIENT, process.pid],
    ...(cluster?.names ?? []).map((name) => [name, cluster!.pid(name)] as const),
  ])
  const relay = (to: ProcessName, targetPort: number, host: string, port: number): Promise<Server> =>
    listen(host, port, async (socket) => {
      const from = await nameOf(socket, owners)
      if (from === null) return void socket.destroy()
      const pipe = new Pipe(
        socket,
        () => connect(targetPort, '127.0.0.1'),
        { from, to },
        isCut,
        () => held++,
      )
      connections.add(pipe)
      pipe.onClose(() => connections.delete(pipe))
    }).then((server) => {
      servers.add(server)
      return server
    })
  /** A server says where it is as soon as it listens, before it asks for a view. */
  const endpoints = new Map<ProcessName, Server[]>()
  const learn = async ({ process: name, peer, pub }: LogRecord): Promise<void> => {
    if (typeof name !== 'string' || typeof peer !== 'string' || typeof pub !== 'string') return
    for (const old of endpoints.get(name) ?? []) stop(old)
    const ports = [peer, pub].map((url) => Number(url.split(':').at(-1)))
    endpoints.set(name, await Promise.all(ports.map((port) => relay(name, port, PEER_HOST, port))))
  }
  const stop = (server: Server): void => {
    servers.delete(server)
    server.close()
  }
  const fixed = async (to: ProcessName, port: number): Promise<string> =>
    `tcp://127.0.0.1:${portOf(await relay(to, port, '127.0.0.1', 0))}`
  return {
    env: {
      ADVERTISE_HOST: PEER_HOST,
      BROKER_BACK_URL: await fixed('broker', config.brokerBackPort),
      PROXY_IN_URL: await fixed('proxy', config.proxyInPort),
      REF_URL: await fixed('ref', config.refPort),
    },
    brokerUrl: await fixed('broker', config.brokerPort),
    cut(directions) {
      for (const direction of directions) cuts.add(key(direction))
    },
    mend(directions) {
      if (directions === undefined) cuts.clear()
      else for (const direction of directions) cuts.delete(key(direction))
      for (const pipe of connections) pipe.mended()
    },
    held: () => held,
    async close() {
      for (const server of servers) stop(server)
      for (const pipe of connections) pipe.destroy()
    },
  }
}

const portOf = (server: Server): number => (server.address() as { port: number }).port

function listen(host: string, port: number, onConnection: (socket: Socket) => Promise<void>): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      void onConnection(socket)
    })
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}

/** Which process has made a connection, or null when it is closed again. One that has just been started may not be known yet. */
async function nameOf(socket: Socket, owners: Owners): Promise<ProcessName | null> {
  const { remotePort, localPort } = socket
  const until = performance.now() + UNKNOWN_LIMIT_MS
  for (let waitMs = GATHER_MS; ; waitMs = UNKNOWN_AGAIN_MS) {
    const since = performance.now()
    await sleep(waitMs)
    const name = owners.find(remotePort!, localPort!, since)
    if (name === 'gone') return null
    if (name !== null) return name
    if (since >= until) return 'unknown'
  }
}
