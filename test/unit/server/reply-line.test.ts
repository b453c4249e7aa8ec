import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Frames, Writer } from '../../../src/platform/sockets.ts'
import { createReplyLine } from '../../../src/server/reply-line.ts'

/** A writer whose socket takes messages only while it is open. */
function stubborn() {
  const state = { open: true, sent: [] as string[], closed: false }
  const queue: string[] = []
  let drainers: (() => void)[] = []
  const move = (): void => {
    if (!state.open) return
    state.sent.push(...queue.splice(0))
    for (const release of drainers.splice(0)) release()
  }
  const writer: Writer = {
    send(frames: Frames) {
      queue.push(String(frames[0]))
      move()
      return true
    },
    get queued() {
      return queue.length
    },
    drained: () => (queue.length === 0 ? Promise.resolve() : new Promise((resolve) => drainers.push(resolve))),
    close() {
      state.closed = true
      for (const release of drainers.splice(0)) release()
      drainers = []
    },
  }
  const open = (now: boolean): void => {
    state.open = now
    move()
  }
  return { writer, state, open }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await nextTurn()
}

test('replies are made only when the socket takes them, and leave in order', async () => {
  const { writer, state, open } = stubborn()
  const line = createReplyLine(writer)
  let made = 0
  const add = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      line.add(() => {
        made++
        return [Buffer.from(`${i}`)]
      })
    }
  }
  add(0, 3)
  assert.deepEqual(state.sent, ['0', '1', '2'])
  open(false)
  add(3, 1000)
  await settle()
  assert.ok(made < 10, `${made} made for a socket that takes nothing`)
  open(true)
  await line.drained()
  assert.deepEqual(
    state.sent,
    Array.from({ length: 1000 }, (_, i) => `${i}`),
  )
})

test('in one turn of the event loop about a megabyte is made, however much is answered at once', async () => {
  const { writer, state } = stubborn()
  const line = createReplyLine(writer)
  for (let i = 0; i < 40; i++) line.add(() => [Buffer.alloc(200_000)])
  assert.ok(state.sent.length < 8, `${state.sent.length} at once`)
  await line.drained()
  assert.equal(state.sent.length, 40)
})

test('what cannot leave any more when it is closed is still made, so that it counts as answered', async () => {
  const { writer, open, state } = stubborn()
  const line = createReplyLine(writer)
  let made = 0
  const make = (): Uint8Array[] => {
    made++
    return [Buffer.alloc(1)]
  }
  open(false)
  for (let i = 0; i < 10; i++) line.add(make)
  line.close()
  line.add(make)
  await settle()
  assert.equal(made, 11)
  assert.ok(state.closed)
})
