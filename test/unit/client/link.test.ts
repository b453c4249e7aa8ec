import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectBroker } from '../../../src/client/link.ts'
import { bindSocket, createSocket, createWriter, readLoop } from '../../../src/platform/sockets.ts'
import { freePorts } from '../../e2e/broker-harness.ts'
import { waitFor } from '../../e2e/support/wait.ts'

/** Where nobody listens: a ZeroMQ socket that was just closed may take a last message. */
async function emptyEndpoint(): Promise<string> {
  const [port] = await freePorts(1)
  return `tcp://127.0.0.1:${port}`
}

/** A socket that echoes every batch, and what it got. */
async function echo(url: string) {
  const socket = createSocket('router')
  const writer = createWriter(socket)
  const got: string[] = []
  await bindSocket(socket, url)
  void readLoop(socket, (frames) => {
    got.push(frames.at(-1)!.toString('utf8', 0, 20).trimEnd())
    writer.send(frames)
  })
  return { got, close: () => socket.close() }
}

test('what waits for a broker goes when it comes, but only what somebody still waits for', async (t) => {
  const endpoint = await emptyEndpoint()
  const unwanted = new Set<number>()
  const replies: number[] = []
  const link = connectBroker(endpoint, {
    isWanted: (batch) => !unwanted.has(batch),
    onReply: (batch) => replies.push(batch),
  })
  t.after(() => link.close())
  const LAST = 2000
  // Each is given up when the next but one comes.
  for (let batch = 1; batch <= LAST; batch++) {
    link.send(batch, Buffer.from(String(batch).padEnd(100)))
    unwanted.add(batch - 2)
  }
  const broker = await echo(endpoint)
  t.after(() => broker.close())
  await waitFor(() => replies.includes(LAST), 'the last batch to be answered')
  // The two that ZeroMQ had been given already, and the two that are wanted.
  assert.deepEqual(broker.got, ['1', '2', String(LAST - 1), String(LAST)])
  link.send(LAST + 1, Buffer.from('after'))
  await waitFor(() => replies.includes(LAST + 1), 'what is sent then')
})

test('what waits for a broker has a bound in bytes', async (t) => {
  const endpoint = await emptyEndpoint()
  const replies: number[] = []
  const link = connectBroker(endpoint, { isWanted: () => true, onReply: (batch) => replies.push(batch) })
  t.after(() => link.close())
  const MIB = 1_000_000
  for (let batch = 1; batch <= 200; batch++) link.send(batch, Buffer.alloc(MIB))
  const broker = await echo(endpoint)
  t.after(() => broker.close())
  await waitFor(() => {
    link.send(1000, Buffer.from('the end'))
    return replies.includes(1000)
  }, 'an answer')
  const large = broker.got.filter((text) => text !== 'the end').length
  assert.ok(large * MIB > 60 << 20 && large * MIB < 70 << 20, `${large} were kept`)
})
