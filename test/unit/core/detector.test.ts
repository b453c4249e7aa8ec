/** Whom `ref` leaves out because others say that it keeps them waiting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instance } from '../../../src/protocol/replica.ts'
import { beat, fresh, members, rank, type Server, settled } from './ref-harness.ts'

/** All members say for a while whom they do not hear. @param silent ranks that each rank reports  @returns when, ms */
function beatWhile(
  { ref, servers }: ReturnType<typeof settled>,
  from: number,
  until: number,
  silent: Record<number, number[]>,
): void {
  for (let now = from; now < until; now += 500) {
    for (const server of servers) {
      if (!ref.view?.members.some((member) => member.instance === server.instance)) continue
      const known = ref.view.number
      beat(ref, now, { ...server, known, installed: ref.view }, { silent: (silent[server.rank] ?? []).map(rank) })
    }
  }
}

test('whom most of the others report as silent goes; who reports most of the others is itself the suspect', () => {
  for (const who of ['reported', 'reporter']) {
    const { ref, servers } = settled()
    const [first, second, third] = servers as [Server, Server, Server]
    if (who === 'reported') {
      beat(ref, 500, first, { silent: [rank(3)] })
      assert.deepEqual(members(ref.view), [1, 2, 3], 'one of two others is not most')
      beat(ref, 500, second, { silent: [rank(3)] })
    } else {
      beat(ref, 500, third, { silent: [rank(1), rank(2)] })
      assert.deepEqual(members(ref.view), [1, 2, 3], 'the others may be dead, and this one is left')
      for (const server of [first, second]) beat(ref, 600, server)
    }
    assert.deepEqual(members(ref.view), [1, 2])
  }
})

test('two of three do not hear each other: one is left out, after a while', () => {
  const cluster = settled()
  beatWhile(cluster, 500, 3500, { 1: [2], 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [1, 2, 3], 'it may pass')
  beatWhile(cluster, 3500, 4500, { 1: [2], 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [1, 3], 'the one with the higher rank')
})

test('two of three do not hear each other: a report that does not last says nothing', () => {
  const cluster = settled()
  beatWhile(cluster, 500, 3000, { 1: [2], 2: [1] })
  beatWhile(cluster, 3000, 4000, {})
  beatWhile(cluster, 4000, 6500, { 1: [2], 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [1, 2, 3])
})

test('one of three does not hear another: the one that is not heard is left out', () => {
  const cluster = settled()
  beatWhile(cluster, 500, 4500, { 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [2, 3])
})

test('what one says under an older view does not last into the next', () => {
  const cluster = settled(5)
  beatWhile(cluster, 500, 3000, { 1: [2], 2: [1], 3: [5], 4: [5] })
  beatWhile(cluster, 3000, 3400, { 1: [2, 5], 2: [1], 3: [5], 4: [5] })
  assert.deepEqual(members(cluster.ref.view), [1, 2, 3, 4], 'most reported rank 5')
  beatWhile(cluster, 3400, 6000, { 1: [2], 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [1, 2, 3, 4])
  beatWhile(cluster, 6000, 8000, { 1: [2], 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [1, 3, 4])
})

test('who waits for two that wait for each other is not the one to leave out', () => {
  const cluster = settled()
  beatWhile(cluster, 500, 1500, { 1: [2], 2: [1], 3: [1, 2] })
  assert.deepEqual(members(cluster.ref.view), [1, 3])
})

test('two that do not hear each other and are no quorum without one stay', () => {
  const cluster = settled()
  beatWhile(cluster, 500, 1500, { 1: [3], 2: [3] })
  assert.deepEqual(members(cluster.ref.view), [1, 2])
  beatWhile(cluster, 1500, 9000, { 1: [2], 2: [1] })
  assert.deepEqual(members(cluster.ref.view), [1, 2])
})

test('two that wait for each other to install a view make room for one who asks', () => {
  const { ref, servers } = settled()
  const again: Server = { ...fresh(3, 'b'), fresh: false, known: 1 }
  const beatAll = (now: number, silent: Record<number, number>): void => {
    beat(ref, now, again)
    for (const server of servers.slice(0, 2)) {
      if (!ref.view?.members.some((member) => member.rank === server.rank)) continue
      beat(ref, now, { ...server, known: ref.view.number }, { silent: [silent[server.rank]!].map(rank) })
    }
  }
  for (let now = 500; now < 3500; now += 500) {
    beatAll(now, { 1: 2, 2: 1 })
    assert.deepEqual(members(ref.view), [1, 2], 'the third has started again; it may pass')
  }
  for (let now = 3500; now < 5000; now += 500) beatAll(now, { 1: 2, 2: 1 })
  assert.deepEqual(members(ref.view), [1, 3])
  assert.equal(ref.view?.members[1]?.instance, '3b')
})

test('one that was left out comes back when all hear it', () => {
  const cluster = settled()
  const { ref, servers } = cluster
  beatWhile(cluster, 500, 4500, { 1: [2], 2: [1] })
  const again: Server = { ...fresh(2), fresh: false, known: 2 }
  const hears = ['2a' as Instance]
  for (const heardBy of [[3], [1, 3]]) {
    beat(ref, 5000, again)
    for (const n of [1, 3]) {
      const server = { ...servers[n - 1]!, known: 2, installed: ref.view }
      beat(ref, 5000, server, { hears: heardBy.includes(n) ? hears : [] })
    }
    assert.deepEqual(members(ref.view), heardBy.length === 2 ? [1, 2, 3] : [1, 3])
  }
})
