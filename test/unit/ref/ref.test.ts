import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createRefState, type Persisted, readPersisted } from '../../../src/core/ref_state.ts'
import { showChecked } from '../../../src/platform/checked-json.ts'
import { createLog } from '../../../src/platform/log.ts'
import { StartError } from '../../../src/platform/role.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import { Ref } from '../../../src/ref/ref.ts'
import { loadState, saveState, stateFile } from '../../../src/ref/state-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'compasso-ref-'))
after(() => rmSync(directory, { recursive: true, force: true }))

type Reply = { service: string; id?: string; data: Record<string, unknown> }

function createTestRef(persisted: Persisted | null = null) {
  const log = createLog({ logLevel: 'error', logFormat: 'json' }, 'test', { write: () => {} })
  const sent: Buffer[][] = []
  const events: string[] = []
  const ref = new Ref({
    state: createRefState(persisted, 3, 0),
    log,
    persist: () => events.push('persist'),
    send: (frames) => {
      events.push('send')
      sent.push(frames as Buffer[])
    },
  })
  const ask = (service: string, data: Record<string, unknown> = {}, now = 10_000): Reply => {
    sent.length = 0
    ref.receive([Buffer.from('client'), Buffer.alloc(0), Buffer.from(encode({ service, data }))], now)
    const own = sent.find((frames) => frames[0]!.toString() === 'client')
    assert.ok(own, `${service} was not answered`)
    return decode(own.at(-1)!) as Reply
  }
  return { ref, ask, sent, events }
}

const report = (rank: number, instance: string) => ({
  ...{ user: `server-${rank}`, rank, instance, origin: null, fresh: true, installed: null, known: 0, position: 0 },
  ...{ recorded: 0, quorum: 0 },
  ...{ joining: true, level: false, silent: [], hears: [], clock: 7 },
  endpoint: { peer: 'tcp://127.0.0.1:1', pub: 'tcp://127.0.0.1:2' },
})

test('a name has its rank for ever and no rank is given twice', () => {
  const { ask } = createTestRef()
  const ranks = ['a', 'b', 'c', 'a', 'b'].map((user) => ask('rank', { user }).data.rank)
  assert.deepEqual(ranks, [1, 2, 3, 1, 2])
  assert.equal(ask('rank', { user: 'a', exclude: [1, 2, 3] }).data.rank, 4)
})

test("a server's clock is taken however far ahead, a forged one leaves room to count", () => {
  const { ref, ask } = createTestRef()
  ask('heartbeat', { ...report(1, 'server-1-a'), clock: 2 ** 40 })
  assert.ok(ref.clock > 2 ** 40)
  ask('heartbeat', { ...report(1, 'server-1-a'), clock: 2 ** 53 - 1 })
  assert.ok(ref.clock < 2 ** 41)
})

test('every reply has a timestamp and a clock that grows above what was received', () => {
  const { ask } = createTestRef()
  const first = ask('list', { clock: 100 })
  assert.ok(Number.isSafeInteger(first.data.timestamp))
  assert.ok((first.data.clock as number) > 100)
  assert.ok((ask('list').data.clock as number) > (first.data.clock as number))
  // A client that is absurdly far ahead is answered, but not believed.
  assert.ok((ask('list', { clock: 2 ** 50 }).data.clock as number) < 1000)
})

test('a course server sends its name and is listed while it is alive, without being a member', () => {
  const { ask } = createTestRef()
  const { rank } = ask('rank', { user: 'course' }).data
  assert.equal(ask('heartbeat', { user: 'course' }, 10_000).data.rank, rank)
  assert.deepEqual(ask('list', {}, 12_000).data.list, [{ name: 'course', rank, alive: true, member: false }])
  assert.deepEqual(ask('list', {}, 14_000).data.list, [])
})

test('a view is on disk before anybody hears of it, and is pushed to its members', () => {
  const { ask, sent, events } = createTestRef()
  for (const rank of [1, 2]) assert.equal(ask('heartbeat', report(rank, `i${rank}`)).data.view, null)
  events.length = 0
  const { data } = ask('heartbeat', report(3, 'i3'))
  assert.equal((data.view as { number: number }).number, 1)
  assert.equal(events[0], 'persist')
  const pushed = sent.filter((frames) => frames[0]!.toString() !== 'client')
  assert.deepEqual(pushed.map((frames) => frames[0]!.toString()).sort(), ['i1', 'i2', 'i3'])
  const push = decode(pushed[0]!.at(-1)!) as Reply
  assert.deepEqual([push.service, push.data.view], ['view', data.view])
  assert.equal((data.servers as unknown[]).length, 3)
})

test('garbage and unknown services get an error envelope', () => {
  const { ref, ask, sent } = createTestRef()
  const codeOf = (body: Buffer): unknown => {
    sent.length = 0
    ref.receive([Buffer.from('client'), Buffer.alloc(0), body], 1)
    return (decode(sent[0]!.at(-1)!) as Reply).data.code
  }
  assert.equal(codeOf(Buffer.from([0xc1])), 'bad_request')
  assert.equal(codeOf(Buffer.alloc(2000, 0x91)), 'bad_request')
  assert.equal(codeOf(Buffer.from(encode(7))), 'bad_request')
  assert.equal(ask('dance').data.code, 'unknown_service')
  assert.equal(ask('rank').data.code, 'bad_request')
  assert.equal(ask('rank', { user: 'a', exclude: 'b' }).data.code, 'bad_request')
  assert.equal(ask('heartbeat', { user: 'a', instance: 'b' }).data.code, 'bad_request')
  assert.equal(ask('forget', { rank: 'x' }).data.code, 'bad_request')
  assert.equal(ask('leave').data.code, 'bad_request')
  sent.length = 0
  ref.receive([Buffer.from('client')], 1)
  ref.receive([Buffer.from('client'), Buffer.from('x'), Buffer.from('y')], 1)
  assert.equal(sent.length, 0)
})

test('a batch gets a batch', () => {
  const { ref, sent } = createTestRef()
  ref.receive(
    [Buffer.from('c'), Buffer.alloc(0), Buffer.from(encode([{ service: 'list' }, { service: 'status', id: 'x' }]))],
    1,
  )
  const replies = decode(sent[0]!.at(-1)!) as Reply[]
  assert.deepEqual(
    replies.map(({ service, id }) => [service, id]),
    [
      ['list', undefined],
      ['status', 'x'],
    ],
  )
  assert.deepEqual(replies[1]!.data.ranks, [1, 2, 3])
})

test('the state file is read as it was written, and a damaged one is left alone', () => {
  const path = stateFile(directory)
  assert.equal(loadState(path), null)
  const state: Persisted = {
    ranks: [1, 2, 3] as Persisted['ranks'],
    names: {},
    view: null,
    installed: { 1: 7 },
  }
  saveState(path, state)
  assert.deepEqual(loadState(path), readPersisted({ ...state }))
  const good = readFileSync(path, 'utf8')
  const wrong = showChecked({ ...state, ranks: ['x'] })
  for (const text of ['', '[]', wrong, good.slice(0, -9), good.replace('"1": 7', '"1": 6')]) {
    writeFileSync(path, text)
    assert.throws(
      () => loadState(path),
      (error) => error instanceof StartError && error.message.includes(path),
    )
    assert.equal(readFileSync(path, 'utf8'), text)
  }
})
