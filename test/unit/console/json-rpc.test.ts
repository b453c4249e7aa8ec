/** JSON-RPC 2.0: the specification's own examples, word for word, and what they leave out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answer, type Invoke, readMessage } from '../../../src/console/json-rpc.ts'
import { EXAMPLES, exampleMethods } from './json-rpc-examples.ts'

const said: string[] = []
const invoke: Invoke = exampleMethods((method) => said.push(method))

async function ask(body: string | Uint8Array, by: Invoke = invoke): Promise<unknown> {
  const { response, done } = answer(readMessage(Buffer.from(body)), by)
  const text = await response
  await done
  return text === null ? null : JSON.parse(text)
}
const error = (code: number, message: string) => ({ code, message })
const call = (more: object) => JSON.stringify({ jsonrpc: '2.0', method: 'echo', ...more })

for (const { what, send, receive } of EXAMPLES)
  test(`the specification: ${what}`, async () => {
    assert.deepEqual(await ask(send), receive === null ? null : JSON.parse(receive))
  })

test('notifications are done', async () => {
  said.length = 0
  await ask('[{"jsonrpc":"2.0","method":"update","params":[1]},{"jsonrpc":"2.0","method":"notify_hello"}]')
  assert.deepEqual(said, ['update', 'notify_hello'])
})

test('the response waits for no notification', async () => {
  let finish = (): void => {}
  const slow = new Promise<void>((resolve) => {
    finish = resolve
  })
  const by: Invoke = async ({ method }) => {
    if (method === 'slow') await slow
    return { result: 1 }
  }
  const body = Buffer.from(
    '[{"jsonrpc":"2.0","method":"slow"},{"jsonrpc":"2.0","method":"fast","id":1},{"jsonrpc":"2.0","method":"slow"}]',
  )
  const { response, done } = answer(readMessage(body), by)
  assert.equal(await response, '[{"jsonrpc":"2.0","result":1,"id":1}]')
  finish()
  await done
})

test('an id of every legal type comes back as it came', async () => {
  for (const id of ['', 'x', '\u0000"\\', '"\ud800"', 0, -1, 1.5, 1e-9, 2 ** 53 - 1, null])
    assert.deepEqual(await ask(call({ params: { a: 1 }, id })), { jsonrpc: '2.0', result: { a: 1 }, id })
})

test('an id of another type, or that could not come back as it came, is an invalid request without id', async () => {
  for (const id of ['{}', '[]', 'true', '9007199254740993', '1e400', '1e300']) {
    const reply = (await ask(`{"jsonrpc":"2.0","method":"echo","id":${id}}`)) as { error: object; id: unknown }
    assert.deepEqual([(reply.error as { code: number }).code, reply.id], [-32600, null], id)
  }
})

test('a request that is wrong in form but has an id is answered under it', async () => {
  for (const wrong of [
    '{"jsonrpc":"1.0","method":"echo","id":7}',
    '{"method":"echo","id":7}',
    '{"jsonrpc":2.0,"method":"echo","id":7}',
    '{"jsonrpc":"2.0","id":7}',
    '{"jsonrpc":"2.0","method":null,"id":7}',
    '{"jsonrpc":"2.0","method":"echo","params":null,"id":7}',
    '{"jsonrpc":"2.0","method":"echo","params":"text","id":7}',
    '{"jsonrpc":"2.0","method":"echo","params":5,"id":7}',
  ])
    assert.deepEqual(await ask(wrong), { jsonrpc: '2.0', error: error(-32600, 'Invalid Request'), id: 7 }, wrong)
})

test('what is no JSON at all is a parse error', async () => {
  const reply = { jsonrpc: '2.0', error: error(-32700, 'Parse error'), id: null }
  for (const body of ['', ' ', '{', ']', '{"a":1}{', 'undefined', "{'jsonrpc':'2.0'}", '\u0000', '[1,]', '"', '"\\'])
    assert.deepEqual(await ask(body), reply, JSON.stringify(body))
  assert.deepEqual(await ask(Uint8Array.of(0x22, 0xff, 0x22)), reply, 'not UTF-8')
})

test('null, numbers and texts are invalid requests', async () => {
  for (const body of ['null', '1', '"text"', 'true'])
    assert.deepEqual(await ask(body), { jsonrpc: '2.0', error: error(-32600, 'Invalid Request'), id: null }, body)
})

test('a batch has at most 1,000 requests', async () => {
  const batch = (size: number) =>
    `[${Array(size)
      .fill(call({ id: 1 }))
      .join()}]`
  assert.equal(((await ask(batch(1000))) as unknown[]).length, 1000)
  const refused = (await ask(batch(1001))) as { error: { code: number; data: { description: string } }; id: null }
  assert.deepEqual([refused.error.code, refused.id], [-32600, null])
  assert.match(refused.error.data.description, /at most 1000 requests, got 1001/)
})

test('depth is counted before anything is built, and brackets in texts do not count', async () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const single = (depth: number) => `{"jsonrpc":"2.0","method":"echo","params":${nested(depth)},"id":1}`
  const codeOf = async (body: string) => ((await ask(body)) as { error?: { code: number } }).error?.code
  assert.equal(await codeOf(single(14)), undefined)
  assert.equal(await codeOf(single(15)), -32600)
  assert.equal(await codeOf(`[${single(14)}]`), undefined)
  const tooDeep = (await ask(`[${single(15)}]`)) as { error: { data: { description: string } } }
  assert.equal(tooDeep.error.data.description, 'the body is nested more than 16 deep')
  assert.equal(await codeOf('['.repeat(1 << 20)), -32600)
  assert.equal(
    await codeOf(`{"jsonrpc":"2.0","method":"echo","params":{"a":"${'[{\\"'.repeat(100)}"},"id":1}`),
    undefined,
  )
})

test('half a character in a parameter or a method is an invalid parameter, whole ones are text', async () => {
  const half = (more: string) =>
    ask(`{"jsonrpc":"2.0",${more},"id":1}`) as Promise<{ error?: { code: number }; id: unknown }>
  for (const more of [
    '"method":"echo","params":["\\ud800"]',
    '"method":"echo","params":{"\\uDFFF":1}',
    '"method":"\\ud800"',
  ]) {
    const reply = await half(more)
    assert.deepEqual([reply.error?.code, reply.id], [-32602, 1], more)
  }
  assert.deepEqual(await half('"method":"echo","params":["\\ud83c\\udfb5 \\u00e9"]'), {
    jsonrpc: '2.0',
    result: ['🎵 é'],
    id: 1,
  })
  assert.equal(await ask('{"jsonrpc":"2.0","method":"echo","params":["\\ud800"]}'), null, 'a notification')
})

test('without room for its values a body is not read; texts with commas are one value', () => {
  const asked: number[] = []
  const message = (body: string, room: number) =>
    readMessage(Buffer.from(body), (values) => {
      asked.push(values)
      return values <= room
    })
  assert.equal(message('[[1,2],{"a":3}]', 4), null)
  assert.notEqual(message('",,,[[[{{{"', 4), null)
  assert.deepEqual(asked, [6, 1])
})

test('what a call throws is an internal error, and says nothing about it', async () => {
  const by: Invoke = () => Promise.reject(new Error('secret'))
  assert.deepEqual(await ask(call({ id: 1 }), by), { jsonrpc: '2.0', error: error(-32603, 'Internal error'), id: 1 })
  assert.equal(await ask(call({}), by), null)
})

test('results that do not fit become an error each, errors always fit', async () => {
  const body = Buffer.from(`[${call({ params: ['x'.repeat(100)], id: 1 })},${call({ params: ['y'], id: 2 })}]`)
  const text = await answer(readMessage(body), invoke, (length) => (length < 100 ? null : error(-32005, 'Too large')))
    .response
  const [first, second] = JSON.parse(text!)
  assert.deepEqual([first.error, first.id], [error(-32005, 'Too large'), 1])
  assert.deepEqual(second, { jsonrpc: '2.0', result: ['y'], id: 2 })
})

test('a result that is missing is null, bytes are base64, and __proto__ is a name like others', async () => {
  assert.deepEqual(await ask(call({ id: 1 })), { jsonrpc: '2.0', result: null, id: 1 })
  const bytes: Invoke = async () => ({ result: { deep: [{ bytes: Buffer.from('abc') }], nan: Number.NaN } })
  assert.deepEqual(await ask(call({ id: 1 }), bytes), {
    ...{ jsonrpc: '2.0', id: 1 },
    result: { deep: [{ bytes: 'YWJj' }], nan: null },
  })
  const { response } = answer(
    readMessage(Buffer.from('{"jsonrpc":"2.0","method":"echo","params":{"__proto__":{"a":1}},"id":1}')),
    invoke,
  )
  assert.equal(await response, '{"jsonrpc":"2.0","result":{"__proto__":{"a":1}},"id":1}')
  assert.equal(({} as { a?: number }).a, undefined)
})

test('whatever comes, the answer is nothing, a response, or as many responses as were asked for', async () => {
  const value = fc.oneof(
    fc.json(),
    fc.string(),
    fc.json().map((text) => call({ params: JSON.parse(text), id: 1 })),
  )
  await fc.assert(
    fc.asyncProperty(value, async (body) => {
      const reply = await ask(body)
      for (const one of Array.isArray(reply) ? reply : reply === null ? [] : [reply]) {
        const { jsonrpc, id, result, error, ...more } = one as Record<string, unknown>
        assert.equal(jsonrpc, '2.0')
        assert.notEqual(id, undefined)
        assert.equal((result === undefined) !== (error === undefined), true)
        assert.deepEqual(more, {})
      }
    }),
  )
})
