/** A user's own services: what is refused at the start, with which words, and what their mistakes do later. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Data } from '../../../src/protocol/envelope.ts'
import type { ErrorCode } from '../../../src/protocol/errors.ts'
import { PluginError } from '../../../src/protocol/plugin.ts'
import { checkRequest, type Service } from '../../../src/protocol/service.ts'
import { createApplication, NO_HOST, type State } from '../../../src/server/services/index.ts'
import type { Kit } from '../../../src/server/services/kit.ts'

type Made = Record<string, unknown>
type Define = (kit: Kit) => unknown

const moduleOf = (plugin: unknown, file = 'own.mjs') => ({ file, sha256: 'ab'.repeat(32), exports: { plugin } })
const stateless =
  (over: Made = {}): Define =>
  ({ z }) => ({
    services: [
      {
        name: 'own',
        summary: 'Is mine.',
        schema: z.object({}),
        ack: 'stateless',
        answer: () => ({ data: {} }),
        ...over,
      },
    ],
  })
const writing =
  (over: Made = {}, create: () => unknown = () => ({ count: 0 })): Define =>
  ({ z }) => ({
    create,
    services: [
      {
        ...{ name: 'own', summary: 'Is mine.', schema: z.object({}), ack: 'ordered', log: 'owns' },
        ...{ prepare: () => ({ body: { x: 1 } }), success: { status: 'OK' }, ...over },
      },
    ],
  })

const refused: [what: string, plugin: unknown, words: RegExp][] = [
  ['no plugin', undefined, /^own\.mjs: plugin must be exported, a function/],
  ['one that throws', () => assert.fail('oh no\nmore'), /^own\.mjs: plugin failed: oh no$/],
  ['nothing returned', () => {}, /^own\.mjs: plugin: /],
  ['no services', () => ({ services: [] }), /^own\.mjs: plugin\.services: must have at least one service/],
  ['a field too many', () => ({ services: [], service: 1 }), /^own\.mjs: plugin.*: /],
  [
    'no ack',
    stateless({ ack: 'soon' }),
    /plugin\.services\.0\.ack: must be 'stateless', 'read', 'durable' or 'ordered'/,
  ],
  ['no answer', stateless({ answer: 7 }), /plugin\.services\.0\.answer: must be a function/],
  ['no schema', stateless({ schema: {} }), /plugin\.services\.0\.schema: must be a zod schema/],
  ['a misspelt field', stateless({ sumary: 'x' }), /plugin\.services\.0: Unrecognized key: "sumary"/],
  ['a bad name', stateless({ name: 'Own service' }), /plugin\.services\.0\.name: must be 1 to 64 lower-case/],
  ['no summary', stateless({ summary: '' }), /plugin\.services\.0\.summary: must say what the service does/],
  ['a taken name', stateless({ name: 'publish' }), /services\.0\.name: service "publish" is taken by Compasso/],
  ['a taken alias', stateless({ name: 'soma' }), /services\.0\.name: service "soma" is taken by Compasso/],
  ['a taken file', writing({ log: 'plays' }), /services\.0\.log: file "plays" is taken by Compasso/],
  ['the skipped file', writing({ log: 'skipped' }), /services\.0\.log: file "skipped" is taken by Compasso/],
  ['a path as log', writing({ log: '../x' }), /plugin\.services\.0\.log: must be 1 to 64 lower-case letters/],
  ['no success', writing({ success: 'OK' }), /plugin\.services\.0\.success: must be a map/],
  ['a state that is no JSON', writing({}, () => ({ n: 1n })), /plugin\.create: it must return a JSON value/],
  // What would be another one once it was saved and read back: then servers would differ.
  ['a state with a Map', writing({}, () => ({ n: new Map() })), /plugin\.create: it must return a JSON value/],
  ['a state with a date', writing({}, () => [new Date(0)]), /plugin\.create: it must return a JSON value/],
  ['a state with NaN', writing({}, () => ({ n: Number.NaN })), /plugin\.create: it must return a JSON value/],
]

for (const [what, plugin, words] of refused)
  test(`${what} is one line that names file and field`, () => {
    assert.throws(
      () => createApplication(NO_HOST, [moduleOf(plugin)]),
      (error) => error instanceof PluginError && words.test(error.message) && !error.message.includes('\n'),
    )
  })

test('two plug-ins must not have the same names', () => {
  const modules = [moduleOf(stateless(), 'a.mjs'), moduleOf(stateless(), 'b.mjs')]
  assert.throws(
    () => createApplication(NO_HOST, modules),
    /^Error: b\.mjs: services\.0\.name: service "own" is taken by a\.mjs/,
  )
})

test('services that share a file share their apply', () => {
  const two: Define = (kit) => {
    const [one] = (writing({ apply: () => null })(kit) as { services: Made[] }).services
    return { services: [one, { ...one, name: 'other', apply: () => null }] }
  }
  assert.throws(() => createApplication(NO_HOST, [moduleOf(two)]), /services\.1\.apply must be the one of own/)
})

/** What the service `own` of a plug-in says, and the state of the application. */
function run(plugin: Define): {
  ask(request?: Data): unknown
  apply(body?: Data): unknown
  describe(code: ErrorCode): unknown
  state: State
} {
  const app = createApplication(NO_HOST, [moduleOf(plugin)])
  const state = app.create()
  const service: Service<State> = app.services.get('own')!
  return {
    state,
    ask(request = {}) {
      if (service.ack === 'stateless') return service.answer(request, NO_HOST)
      return service.ack === 'read' ? service.read(request, state) : service.prepare(request, state)
    },
    describe: (code) => app.folds.get('owns')!.describe!(code, {}),
    apply: (body = {}) => app.folds.get('owns')!.apply!({ time: 1, clock: 1, body }, state),
  }
}

const mistakes: [what: string, plugin: Define, words: RegExp][] = [
  ['throws', stateless({ answer: () => assert.fail('broken') }), /^service own failed: broken$/],
  ['promises', stateless({ answer: async () => ({ data: {} }) }), /must return \{ data \}.*not a promise/],
  ['returns nothing', stateless({ answer: () => {} }), /must return \{ data \}/],
  ['returns what cannot be sent', stateless({ answer: () => ({ data: { f: () => {} } }) }), /service own failed/],
  [
    'refuses with a code of its own',
    stateless({ answer: () => ({ refusal: { code: 'no', description: '' } }) }),
    /code of the protocol/,
  ],
  ['prepares no body', writing({ prepare: () => null }), /must return \{ body \}/],
  ['prepares what cannot be stored', writing({ prepare: () => ({ body: { n: 1n } }) }), /service own failed/],
  ['prepares a field of ours', writing({ prepare: () => ({ body: { origin: 'x' } }) }), /must not have a field origin/],
  ['prepares too much', writing({ prepare: () => ({ body: { x: 'x'.repeat(140_000) } }) }), /more than 131072 bytes/],
  [
    'publishes nowhere',
    writing({ publication: { topic: () => 7, map: () => ({}) } }),
    /publication\.topic must return text/,
  ],
]

for (const [what, plugin, words] of mistakes)
  test(`a service that ${what} is an internal error to its caller`, () => {
    const { refusal } = run(plugin).ask() as { refusal: { code: string; description: string } }
    assert.equal(refusal.code, 'internal')
    assert.match(refusal.description, words)
  })

const badSchemas: [what: string, schema: (z: Kit['z']) => unknown, words: RegExp][] = [
  ['throws', (z) => z.object({ x: z.unknown().transform(() => assert.fail('broken')) }), /^the schema failed: broken$/],
  ['is asynchronous', (z) => z.object({ x: z.unknown().refine(async () => true) }), /^the schema failed: .*Promise/],
  [
    'throws what is no text',
    (z) =>
      z.object({
        x: z.unknown().transform(() => {
          throw Object.create(null)
        }),
      }),
    /^the schema failed: /,
  ],
]

for (const [what, schema, words] of badSchemas)
  test(`a schema that ${what} is an internal error to the caller`, () => {
    const define: Define = (kit) => stateless({ schema: schema(kit.z) })(kit)
    const service = createApplication(NO_HOST, [moduleOf(define)]).services.get('own')!
    const { refusal } = checkRequest(service.schema, { x: 1 }) as { refusal: { code: string; description: string } }
    assert.equal(refusal.code, 'internal')
    assert.match(refusal.description, words)
  })

test('no promise that a plug-in makes and breaks is left to end the server', async () => {
  const later = async (): Promise<never> => assert.fail('later')
  const left: unknown[] = []
  const onLeft = (reason: unknown): void => void left.push(reason)
  process.on('unhandledRejection', onLeft)
  try {
    run(stateless({ answer: later })).ask()
    run(({ z }) => ({
      services: [{ name: 'own', summary: 'Is mine.', schema: z.object({}), ack: 'read', read: later }],
    })).ask()
    run(writing({ prepare: later })).ask()
    run(writing({ publication: { topic: later, map: later } })).ask()
    run(writing({ publication: { topic: () => 'x', map: later } })).ask()
    const { apply, describe } = run(writing({ apply: later, describe: later }))
    assert.equal(apply(), 'internal')
    assert.equal(describe('internal'), 'internal')
    assert.throws(() => createApplication(NO_HOST, [moduleOf(later)]), PluginError)
    assert.throws(
      () => createApplication(NO_HOST, [moduleOf(writing({}, later))]),
      /plugin\.create: it must return a JSON value: it must not be/,
    )
    // Node tells of them after the turn in which they are broken.
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  } finally {
    process.off('unhandledRejection', onLeft)
  }
  assert.deepEqual(left, [])
})

test('a plug-in may refuse, with a code of the protocol', () => {
  const answer = () => ({ refusal: { code: 'not_found', description: 'no' } })
  assert.deepEqual(run(stateless({ answer })).ask(), { refusal: { code: 'not_found', description: 'no' } })
})

test('apply changes the own part of the state, which is saved and read back', () => {
  const apply = (_: unknown, state: { count: number }) => {
    state.count++
    return null
  }
  const app = createApplication(NO_HOST, [moduleOf(writing({ apply }))])
  const state = app.create()
  assert.equal(app.folds.get('owns')!.apply!({ time: 1, clock: 1, body: {} }, state), null)
  assert.deepEqual(state.plugins, { own: { count: 1 } })
  const snapshot = app.snapshot(state)
  app.folds.get('owns')!.apply!({ time: 1, clock: 1, body: {} }, state)
  assert.deepEqual(snapshot.plugins, { own: { count: 1 } }, 'a snapshot does not change any more')
  assert.deepEqual(app.restore(JSON.parse(JSON.stringify(snapshot))).plugins, { own: { count: 1 } })
  assert.throws(() => app.restore(createApplication().snapshot(createApplication().create())), /nothing of own/)
})

test('a state that apply has made no JSON value is one line that names the file', () => {
  const apply = (_: unknown, state: { n: unknown }) => {
    state.n = 10n
    return null
  }
  const app = createApplication(NO_HOST, [moduleOf(writing({ apply }, () => ({ n: 0 })))])
  const state = app.create()
  app.folds.get('owns')!.apply!({ time: 1, clock: 1, body: {} }, state)
  const words = /^own\.mjs: the state cannot be saved: .*BigInt; correct what apply puts there, on all servers$/
  assert.throws(
    () => app.snapshot(state),
    (error) => error instanceof PluginError && words.test(error.message),
  )
})

test('an apply that fails, or says what is no code, makes an event without effect', () => {
  assert.equal(run(writing({ apply: () => assert.fail('x') })).apply(), 'internal')
  assert.equal(run(writing({ apply: () => 'whatever' })).apply(), 'internal')
  assert.equal(run(writing({ apply: () => 'already_exists' })).apply(), 'already_exists')
  assert.equal(run(writing({ apply: () => undefined })).apply(), null)
})

test('writing services, and only those, make servers differ: by name, and by the text of the file', () => {
  const { writes } = createApplication()
  assert.deepEqual(createApplication(NO_HOST, [moduleOf(stateless())]).writes, writes)
  const one = createApplication(NO_HOST, [moduleOf(writing())]).writes
  assert.deepEqual(
    one.filter((line) => !writes.includes(line)),
    ['own (owns.jsonl) of own.mjs abababababab'],
  )
  const other = { ...moduleOf(writing()), sha256: 'cd'.repeat(32) }
  assert.notDeepEqual(createApplication(NO_HOST, [other]).writes, one)
})
