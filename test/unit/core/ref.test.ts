import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRefState, persistedOf, readPersisted } from '../../../src/core/ref_state.ts'
import type { Instance, Rank } from '../../../src/protocol/replica.ts'
import { beat, fresh, members, rank, run, type Server, settled } from './ref-harness.ts'

test('the first view begins when all configured servers ask', () => {
  const ref = createRefState(null, 3, 0)
  beat(ref, 10, fresh(1))
  beat(ref, 10, fresh(2))
  assert.equal(members(ref.view), undefined)
  const effects = beat(ref, 10, fresh(3))
  assert.deepEqual(members(ref.view), [1, 2, 3])
  assert.equal(ref.view?.quorum, 2)
  const kinds = effects.map((effect) => effect.type)
  assert.equal(kinds[0], 'persist', 'a view is on disk before anybody hears of it')
  assert.ok(kinds.includes('push'))
})

test('the first view begins with a quorum after the grace', () => {
  const ref = createRefState(null, 3, 0)
  beat(ref, 10, fresh(1))
  for (const now of [20, 1000, 2000, 2900]) for (const n of [1, 2]) beat(ref, now, fresh(n))
  assert.equal(members(ref.view), undefined)
  beat(ref, 3100, fresh(2))
  assert.deepEqual(members(ref.view), [1, 2])
})

test('a member without a heartbeat for 3 s is left out, and a quorum must remain', () => {
  const { ref, servers } = settled()
  const [first, second] = servers as [Server, Server, Server]
  for (const now of [1000, 2000, 3000]) for (const server of [first, second]) beat(ref, now, server)
  assert.deepEqual(members(ref.view), [1, 2, 3])
  beat(ref, 3050, first)
  assert.deepEqual(members(ref.view), [1, 2])
  for (const now of [4000, 5000, 6000, 7000]) beat(ref, now, { ...first, known: 2 })
  assert.deepEqual(members(ref.view), [1, 2], 'one of three is no quorum: no new view')
})

test('a new process of a rank replaces the old one, as a new origin, once all members hear it', () => {
  const { ref, servers } = settled()
  const [first, second] = servers as [Server, Server, Server]
  const again: Server = { ...fresh(3, 'b'), fresh: false, known: 1 }
  beat(ref, 100, again)
  assert.deepEqual(members(ref.view), [1, 2], 'the old process is gone at once')
  for (const server of [first, second]) {
    Object.assign(server, { installed: ref.view, known: 2 })
    beat(ref, 200, server, { hears: ['3b' as Instance] })
  }
  assert.equal(ref.view?.members[2]?.origin, 'server-3@3')
})

test('nobody joins before the newest view is installed by all its members', () => {
  const { ref, servers } = settled()
  const [first, second] = servers as [Server, Server, Server]
  beat(ref, 100, { ...fresh(3, 'b'), fresh: false, known: 1 })
  for (const server of [first, second]) beat(ref, 200, { ...server, known: 2 }, { hears: ['3b' as Instance] })
  assert.deepEqual(members(ref.view), [1, 2])
})

test('a fourth server makes N four, and its quorum three', () => {
  const { ref, servers } = settled()
  for (const server of servers) beat(ref, 90, server)
  beat(ref, 100, fresh(4))
  for (const server of servers) beat(ref, 200, server, { hears: ['4a' as Instance] })
  assert.deepEqual(members(ref.view), [1, 2, 3, 4])
  assert.equal(ref.view?.quorum, 3)
  assert.deepEqual(ref.ranks, [1, 2, 3, 4])
})

test('all down: a view of all who ask, under new origins', () => {
  const { ref } = settled()
  const again = [1, 2, 3].map((n): Server => ({ ...fresh(n, 'c'), fresh: false, known: 1 }))
  for (const server of again) beat(ref, 9000, server)
  assert.deepEqual(
    ref.view?.members.map((member) => member.origin),
    ['server-1@2', 'server-2@2', 'server-3@2'],
  )
})

test('empty disks make no quorum once a view was installed', () => {
  const { ref } = settled()
  const kept: Server = { ...fresh(1, 'c'), fresh: false, known: 1 }
  for (let now = 9000; now < 20_000; now += 500) for (const server of [kept, fresh(2, 'c')]) beat(ref, now, server)
  assert.equal(ref.view?.number, 1)
})

test('an empty disk makes no quorum, though ref has not heard from all that the first view is installed', () => {
  const ref = createRefState(null, 3, 0)
  for (const n of [1, 2, 3]) beat(ref, 10, fresh(n))
  const third = { ...fresh(3), fresh: false, known: 1, installed: ref.view, joining: false }
  // What 1 and 2 held was acknowledged; the disk of 2 is lost, and 1 is down.
  for (let now = 1000; now < 20_000; now += 500) for (const server of [third, fresh(2, 'b')]) beat(ref, now, server)
  assert.ok(!members(ref.view)?.includes(rank(2)), `view of ${members(ref.view)}`)
})

test('before any view is installed, those of the first go on without one that dies', () => {
  const ref = createRefState(null, 3, 0)
  for (const n of [1, 2, 3]) beat(ref, 10, fresh(n))
  for (let now = 1000; now < 5000; now += 500)
    for (const n of [1, 2]) beat(ref, now, { ...fresh(n), known: ref.view!.number, joining: false })
  assert.deepEqual(members(ref.view), [1, 2])
})

test('before any view is installed, all who start again make one', () => {
  const ref = createRefState(null, 3, 0)
  for (const n of [1, 2, 3]) beat(ref, 10, fresh(n))
  for (let now = 5000; now < 12_000; now += 500) for (const n of [1, 2]) beat(ref, now, fresh(n, 'b'))
  assert.equal(ref.view?.number, 1, 'the third may hold what was acknowledged')
  for (const n of [1, 2, 3]) beat(ref, 12_000, fresh(n, 'b'))
  assert.deepEqual(members(ref.view), [1, 2, 3])
  assert.equal(ref.view?.number, 2)
})

test('with every rank there nothing more can come: they go on, though a disk is lost and one never had a view', () => {
  const { ref, servers } = settled()
  const third: Server = { ...servers[2]!, instance: '3b', joining: true }
  for (let now = 9000; now < 15_000; now += 500) for (const server of [third, fresh(1, 'b')]) beat(ref, now, server)
  assert.equal(ref.view?.number, 1, 'the second may hold what the third does not')
  const effects = [third, fresh(1, 'b'), fresh(2, 'b')].flatMap((server) => beat(ref, 15_000, server))
  assert.deepEqual(members(ref.view), [1, 2, 3])
  const warnings = effects.flatMap((effect) =>
    effect.type === 'log' && effect.level === 'warn' ? [effect.fields] : [],
  )
  assert.deepEqual(warnings, [{ view: 2, lost: [1, 2] }], 'and it is said what is lost')
})

test('whoever waits for one that died makes room only for enough others', () => {
  const { ref, servers } = settled(5)
  for (let now = 500; now < 5000; now += 500) for (const server of servers.slice(1, 4)) beat(ref, now, server)
  assert.deepEqual(members(ref.view), [2, 3, 4])
  // 2 has installed it, 4 waits for 3, which was killed and asks anew; the disks of 1 and 5 are lost.
  const second: Server = { ...servers[1]!, known: 2, installed: ref.view }
  const fourth: Server = { ...servers[3]!, known: 2, installed: null }
  const third: Server = { ...servers[2]!, instance: '3b', known: 2, joining: true }
  for (let now = 5000; now < 15_000; now += 500) {
    beat(ref, now, second, { silent: [rank(4)] })
    for (const server of [fourth, third, fresh(1, 'b'), fresh(5, 'b')]) beat(ref, now, server)
  }
  assert.deepEqual(members(ref.view), [1, 2, 3, 4, 5])
})

test('nothing is said to be lost where nothing was, or no more than may be', () => {
  const { ref, servers } = settled()
  const back = [1, 2, 3].map((n): Server => ({ ...servers[n - 1]!, instance: `${n}b`, joining: true }))
  const effects = [...back.slice(0, 2), fresh(3, 'b')].flatMap((server) => beat(ref, 9000, server))
  const first = createRefState(null, 3, 0)
  for (const n of [1, 2, 3]) effects.push(...beat(first, 10, fresh(n)))
  assert.deepEqual(
    [members(ref.view), members(first.view)],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  )
  assert.ok(!effects.some((effect) => effect.type === 'log' && effect.level === 'warn'))
})

test('a ref that lost its state continues above the largest view that its servers know', () => {
  const ref = createRefState(null, 3, 0)
  for (const n of [1, 2, 3]) beat(ref, 10, { ...fresh(n), fresh: false, known: 41, joining: false })
  assert.equal(ref.view?.number, 42)
  assert.deepEqual(
    ref.view?.members.map((member) => member.origin),
    ['server-1@42', 'server-2@42', 'server-3@42'],
  )
})

test('a ref that lost its state makes no view with fewer than the quorum that its servers know', () => {
  const ref = createRefState(null, 3, 0)
  const five = (n: number) => ({ ...fresh(n), fresh: false, known: 41, joining: false })
  const beatAll = (ranks: number[], from: number): void => {
    for (let now = from; now < from + 6000; now += 500) for (const n of ranks) beat(ref, now, five(n), { quorum: 3 })
  }
  beatAll([1, 2], 10)
  assert.equal(ref.view, null, 'two of five are no quorum, although this ref was configured for three')
  beatAll([1, 2, 5], 7000)
  assert.deepEqual(members(ref.view), [1, 2, 5])
})

test('a disk that was set back to an older view counts for no quorum, also after a restart of ref', () => {
  const { ref } = settled()
  const restarted = createRefState(readPersisted(JSON.parse(JSON.stringify(persistedOf(ref)))), 3, 0)
  const again = (n: number, recorded: number): void => {
    for (let now = 9000; now < 16_000; now += 500)
      beat(restarted, now, { ...fresh(n, 'c'), fresh: false, known: 1 }, { recorded })
  }
  again(1, 1)
  again(2, 0)
  assert.equal(restarted.view?.number, 1, 'one that kept its disk and one that was set back are no quorum')
  for (let now = 16_000; now < 23_000; now += 500)
    for (const n of [1, 2, 3])
      beat(restarted, now, { ...fresh(n, 'c'), fresh: false, known: 1 }, { recorded: n === 2 ? 0 : 1 })
  assert.deepEqual(members(restarted.view), [1, 2, 3])
})

test('a server that repairs its files is in no view, and its rank counts', () => {
  const ref = createRefState(null, 3, 0)
  const repairing = { origin: null, joining: false }
  const servers = [1, 2, 3].map((n) => ({ ...fresh(n), fresh: false, known: 41 }))
  const hear = (now: number, able: number): void => {
    for (const [index, server] of servers.entries()) beat(ref, now, server, index < able ? {} : repairing)
  }
  for (let now = 10; now < 20_000; now += 1000) hear(now, 1)
  assert.deepEqual(members(ref.view), undefined, 'one of three is no quorum')
  hear(20_000, 2)
  assert.deepEqual(members(ref.view), [1, 2])
  assert.deepEqual([ref.view?.number, ref.view?.quorum], [42, 2])
})

test('a restarted ref declares nobody dead for 3 s', () => {
  const { ref } = settled()
  const restarted = createRefState(readPersisted(JSON.parse(JSON.stringify(persistedOf(ref)))), 3, 100_000)
  run(restarted, 102_900, { type: 'tick' })
  assert.equal(restarted.view?.number, 1)
})

test('a restarted ref makes no view of members that it has not heard', () => {
  const { ref } = settled()
  const restarted = createRefState(readPersisted(JSON.parse(JSON.stringify(persistedOf(ref)))), 3, 100_000)
  const again = [1, 2, 3].map((n): Server => ({ ...fresh(n, 'c'), fresh: false, known: 1 }))
  for (const server of again.slice(0, 2)) beat(restarted, 100_500, server)
  assert.equal(restarted.view?.number, 1)
  beat(restarted, 100_600, again[2]!)
  assert.deepEqual(
    restarted.view?.members.map((member) => member.origin),
    ['server-1@2', 'server-2@2', 'server-3@2'],
  )
})

test('the same name has the same rank for ever, and no rank is given twice', () => {
  const ref = createRefState(null, 3, 0)
  const ask = (name: string, now = 5, exclude: number[] = []): number => {
    const reply = run(ref, now, { type: 'rank', name, exclude: exclude as Rank[] }).find(
      (effect) => effect.type === 'reply',
    )
    assert.ok(reply?.type === 'reply')
    return reply.data.rank as number
  }
  assert.equal(ask('alpha'), 1)
  assert.equal(ask('beta'), 2)
  assert.equal(ask('alpha'), 1)
  assert.equal(ask('server-7'), 7)
  assert.equal(ask('gamma', 5, [3]), 4)
  assert.equal(ask('late', 50_000), 1, 'the lowest rank that nobody live holds')
})

test('what is no state is refused with a reason', () => {
  for (const wrong of [
    null,
    [],
    {},
    { ranks: [0], names: {}, view: null, settled: false },
    { ranks: [1], names: { a: 'x' }, view: null, settled: false },
  ])
    assert.throws(() => readPersisted(wrong), /must|not/)
})

test('four whose first view nobody installed begin again, though ref has lost its state: there cannot be a fifth', () => {
  const lost = createRefState(null, 4, 0)
  for (const n of [1, 2, 3]) beat(lost, 10, { ...fresh(n), known: 1 }, { quorum: 3 })
  assert.equal(members(lost.view), undefined, 'the fourth may hold what was acknowledged')
  beat(lost, 20, fresh(4))
  assert.deepEqual([members(lost.view), lost.view?.number], [[1, 2, 3, 4], 2])
})

test('after later views, a quorum of three may be one of five', () => {
  const lost = createRefState(null, 4, 0)
  for (let now = 0; now < 20_000; now += 500)
    for (const n of [1, 2, 3, 4]) beat(lost, now, { ...fresh(n), known: 2 }, { quorum: 3 })
  assert.equal(members(lost.view), undefined)
})
