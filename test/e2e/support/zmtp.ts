/** Connections that speak just enough ZMTP 3.0 to be peers: thousands cost nothing, and they can refuse to read. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const COMMAND = 0x04
const GREETING_BYTES = 64
/** The other side disconnects who sends nothing for 3 s. */
const PING_MS = 1000

export type RawPeer = { socket: Socket; connected(): boolean; close(): void }

export type RawPeerOptions = {
  port: number
  kind: 'DEALER' | 'SUB'
  /** What a SUB subscribes to. */
  topic?: string
  /** Never reads anything from now on: what comes stays in the kernels' buffers, then in the sender. */
  deaf?: boolean
}

/** Connects and finishes the handshake; from then on it shows its life with pings, and ignores what it hears. */
export async function openPeer({ port, kind, topic, deaf = false }: RawPeerOptions): Promise<RawPeer> {
  const socket = connect(port, '127.0.0.1')
  let connected = true
  socket.on('error', () => {})
  socket.on('close', () => {
    connected = false
    clearInterval(timer)
  })
  const timer = setInterval(() => socket.write(frame(COMMAND, Buffer.from('\x04PING\0\0', 'latin1'))), PING_MS)
  socket.write(greeting())
  let heard = 0
  const ready = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.length
      if (heard > GREETING_BYTES) resolve()
    })
    socket.once('close', () => reject(new Error(`port ${port} closed the connection during the handshake`)))
  })
  await once(socket, 'connect')
  socket.write(frame(COMMAND, Buffer.concat([text('READY'), text('Socket-Type'), longText(kind)])))
  await ready
  if (deaf) socket.pause()
  if (topic !== undefined) socket.write(frame(0, Buffer.from(`\x01${topic}`, 'latin1')))
  return { socket, connected: () => connected, close: () => socket.destroy() }
}

/** Frames of one message `['', body]`, as a request is. */
export const requestFrames = (body: Uint8Array): Buffer => Buffer.concat([frame(1, Buffer.alloc(0)), frame(0, body)])

function greeting(): Buffer {
  const bytes = Buffer.alloc(GREETING_BYTES)
  bytes[0] = 0xff
  bytes[9] = 0x7f
  bytes[10] = 3
  bytes.write('NULL', 12, 'latin1')
  return bytes
}

function frame(flags: number, body: Uint8Array): Buffer {
  if (body.length <= 255) return Buffer.concat([Buffer.of(flags, body.length), body])
  const head = Buffer.alloc(9)
  head[0] = flags | 2
  head.writeBigUInt64BE(BigInt(body.length), 1)
  return Buffer.concat([head, body])
}

const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'latin1')])

function longText(value: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(value.length)
  return Buffer.concat([length, Buffer.from(value, 'latin1')])
}
