/** Following all channels: the parts that a cluster that works does not show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { followAll } from '../../../src/cli/follow.ts'
import { CallError, type Client, type Data } from '../../../src/client/client.ts'

/** Subscriptions give what is in `events`, or fail where that is an error; then they wait for the signal. */
function clientWith(events: Record<string, Data[] | CallError>): Client {
  const call = async () => ({ channels: Object.keys(events) })
  const subscribe = (channel: string, { signal }: { signal: AbortSignal }) => ({
    ready: events[channel] instanceof CallError ? Promise.reject(events[channel]) : Promise.resolve(),
    missed: 0,
    close: () => {},
    async *[Symbol.asyncIterator]() {
      const given = events[channel]!
      if (given instanceof CallError) throw given
      yield* given
      await new Promise<void>((resolve) =>
        signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve()),
      )
    },
  })
  return { call, subscribe } as unknown as Client
}

test('all channels are followed until the signal', async () => {
  const ending = new AbortController()
  const seen: unknown[] = []
  await followAll({
    client: clientWith({ a: [{ message: 'one' }], b: [{ message: 'two' }] }),
    from: 0,
    show: ({ message }) => {
      seen.push(message)
    },
    onReady: () => setImmediate(() => ending.abort()),
    signal: ending.signal,
  })
  assert.deepEqual(seen.sort(), ['one', 'two'])
})

test('when one of them cannot be followed, that is said, and nothing is waited for', async () => {
  const refused = new CallError('internal', 'no', false)
  let ready = 0
  const following = followAll({
    client: clientWith({ a: [], b: refused }),
    from: 0,
    show: () => {},
    onReady: () => {
      ready++
    },
    signal: new AbortController().signal,
  })
  await assert.rejects(following, refused)
  assert.equal(ready, 0)
})
