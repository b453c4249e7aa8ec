/** A broker with a server behind it, as far as a client sees. */
import { bindSocket, createSocket, createWriter, readLoop } from '../../../src/platform/sockets.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import type { Data, Envelope } from '../../../src/protocol/envelope.ts'

export type Answer = (envelope: Envelope) => Data | null
export type Fake = { url: string; bodies: Envelope[][]; close(): void }

/** What a broker and a server look like from outside; an answer of null is silence. */
export async function fakeBroker(answer: Answer, at = 'tcp://127.0.0.1:*'): Promise<Fake> {
  const socket = createSocket('router')
  const writer = createWriter(socket)
  const bodies: Envelope[][] = []
  const url = await bindSocket(socket, at)
  void readLoop(socket, (frames) => {
    const value = decode(frames.at(-1)!)
    const envelopes = (Array.isArray(value) ? value : [value]) as Envelope[]
    bodies.push(envelopes)
    const datas = envelopes.map(answer)
    if (datas.includes(null)) return
    const replies = envelopes.map(({ service, id }, i) => ({ service, id, data: datas[i] }))
    writer.send([...frames.slice(0, -1), encode(Array.isArray(value) ? replies : replies[0])])
  })
  return { url, bodies, close: () => socket.close() }
}
