/** Calls of `history` come in turns, because each brings half a megabyte; other calls do not wait for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CallError, type CallOptions, type Client, type Data } from '../../../src/client/client.ts'
import { createInvoke } from '../../../src/console/calls.ts'
import { createTurns } from '../../../src/console/turns.ts'

type Asked = { service: string; deadlineMs: number | undefined; answer(data: Data): void }

/** Requests of a gateway whose cluster answers when a test says so. @param most calls of `history` at a time, of all */
function createGateway(most: number) {
  const asked: Asked[] = []
  const call = (service: string, _: Data, { deadlineMs }: CallOptions = {}): Promise<Data> =>
    new Promise((resolve) => asked.push({ service, deadlineMs, answer: resolve }))
  const turns = createTurns(most)
  const options = { client: { call } as Pick<Client, 'call'>, methods: new Map(), openRpc: {}, turns }
  return {
    asked,
    turns,
    /** A batch of so many. */
    request(methods: readonly string[], noRoom: () => CallError | null = () => null) {
      const invoke = createInvoke(options, null, noRoom)
      return methods.map((method, index) => invoke({ method, params: {}, index }))
    },
  }
}
const times = (count: number): string[] => Array.from({ length: count }, () => 'history')

test('two of a request and so many of all at a time; other services at once', async () => {
  const { asked, request, turns } = createGateway(5)
  const [first] = request(times(10))
  request(times(10))
  await turn()
  assert.equal(asked.length, 4, 'two of each request')
  request(['history', 'publish', 'history'])
  await turn()
  assert.deepEqual(
    asked
      .map(({ service }) => service)
      .slice(4)
      .sort(),
    ['history', 'publish'],
    'five in all',
  )
  asked[0]!.answer({ items: [] })
  assert.deepEqual(await first, { result: { items: [] } })
  await turn()
  assert.equal(asked.length, 7, 'the next has its turn')
  for (let i = 0; i < asked.length; i++) {
    asked[i]!.answer({})
    await turn()
  }
  assert.equal(asked.length, 23)
  assert.equal(turns.taken, 0)
})

test('once a result found no room, nothing more of history is asked for that request', async () => {
  const { asked, request, turns } = createGateway(5)
  let full: CallError | null = null
  const outcomes = Promise.all(request([...times(9), 'publish'], () => full))
  await turn()
  full = new CallError('too_large', 'no room', false)
  for (const { answer } of asked) answer({})
  const [done, , refused] = await outcomes
  assert.deepEqual(asked.map(({ service }) => service).sort(), ['history', 'history', 'publish'])
  assert.deepEqual(done, { result: {} })
  assert.deepEqual('error' in refused! && refused.error.data, {
    ...{ code: 'too_large', description: 'no room', retriable: false, service: 'history' },
  })
  assert.equal(turns.taken, 0)
})

test('neither is what waits for its turn already, and whoever comes then does not wait to be refused', async () => {
  const { asked, request, turns } = createGateway(1)
  let full: CallError | null = null
  const [first, second] = request(times(2), () => full)
  await turn()
  full = new CallError('too_large', 'no room', false)
  const [late] = request(times(1), () => full)
  assert.ok('error' in (await late!))
  asked[0]!.answer({})
  assert.ok('result' in (await first!))
  assert.ok('error' in (await second!))
  assert.equal(asked.length, 1)
  assert.equal(turns.taken, 0)
})

test('who has waited too long is told to ask again, and a late turn leaves a call what time is left', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { asked, request, turns } = createGateway(1)
  const [first, second] = request(times(2))
  await turn()
  assert.ok(asked[0]!.deadlineMs! <= 15_000 && asked[0]!.deadlineMs! > 5000)
  t.mock.timers.tick(10_000)
  const refused = await second
  assert.ok('error' in refused!)
  assert.equal(refused.error.code, -32010)
  assert.equal(refused.error.data?.retriable, true)
  asked[0]!.answer({})
  assert.deepEqual(await first, { result: {} })
  assert.equal(asked.length, 1)
  assert.equal(turns.taken, 0)
})
