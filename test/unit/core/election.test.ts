import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createElection,
  doubt,
  type Election,
  type ElectionEffect,
  type ElectionMessages,
  takeElection,
  tickElection,
} from '../../../src/core/election.ts'
import type { Rank } from '../../../src/protocol/replica.ts'

const VIEW = { number: 7, nonce: 'n' }
type Post = { from: Rank; to: Rank; message: ElectionMessages }

/** Members of one view, and the messages that are on their way. */
function createMembers(ranks: readonly number[]) {
  const members = ranks as readonly Rank[]
  const nodes = new Map(members.map((rank) => [rank, createElection(rank, VIEW, members, 0)]))
  const post: Post[] = []
  const elected = new Set<Rank>()
  const down = new Set<number>()
  const lost = new Set<ElectionMessages['type']>()
  const logs: string[] = []
  const carry = (from: Rank, effects: readonly ElectionEffect[]): void => {
    for (const effect of effects) {
      if (effect.type === 'send') post.push({ from, to: effect.to, message: effect.message })
      else if (effect.type === 'elected') elected.add(effect.coordinator)
      else logs.push(effect.text)
    }
  }
  const deliver = ({ from, to, message }: Post, now: number): void => {
    if (!down.has(to) && !lost.has(message.type)) carry(to, takeElection(nodes.get(to)!, from, message, now))
  }
  return {
    nodes,
    post,
    elected,
    down,
    lost,
    logs,
    deliver,
    tick(now: number) {
      for (const [rank, node] of nodes) if (!down.has(rank)) carry(rank, tickElection(node, now))
    },
    /** Delivers everything at once, for so long. */
    run(from: number, ms: number) {
      for (let now = from; now <= from + ms; now += 50) {
        this.tick(now)
        while (post.length > 0) deliver(post.shift()!, now)
      }
    },
    leaders: (): (Rank | null)[] => [...nodes].filter(([rank]) => !down.has(rank)).map(([, node]) => node.coordinator),
  }
}

test('the lowest rank leads at once when all answer', () => {
  const members = createMembers([3, 1, 2])
  members.run(0, 0)
  assert.deepEqual(members.leaders(), [1, 1, 1])
  assert.deepEqual(members.logs, ['election started'])
})

test('alone in the view, a server elects itself', () => {
  const members = createMembers([4])
  members.run(0, 0)
  assert.deepEqual(members.leaders(), [4])
})

test('the lowest that answers leads within a second when the lowest does not', () => {
  const members = createMembers([1, 2, 3])
  members.down.add(1)
  members.run(0, 900)
  assert.deepEqual(members.leaders(), [2, 2])
})

test('who comes back late follows whom the others elected', () => {
  const members = createMembers([1, 2, 3])
  members.down.add(1)
  members.run(0, 900)
  members.down.clear()
  members.run(950, 500)
  assert.deepEqual(members.leaders(), [2, 2, 2])
})

test('whom most have consented to stays the coordinator, though nobody heard so and it is gone', () => {
  const members = createMembers([1, 2, 3])
  members.down.add(1)
  members.lost.add('elected')
  members.run(0, 900)
  assert.deepEqual(members.leaders(), [2, null])
  members.down.delete(1)
  members.down.add(2)
  members.lost.clear()
  members.run(950, 3000)
  assert.deepEqual(members.leaders(), [2, 2])
  assert.deepEqual([...members.elected], [2])
})

test('a minority elects nobody', () => {
  const members = createMembers([1, 2, 3])
  members.down.add(1).add(3)
  members.run(0, 20_000)
  assert.deepEqual(members.leaders(), [null])
})

test('a coordinator that was away asks, and leads again if the view is the same', () => {
  const members = createMembers([1, 2, 3])
  members.run(0, 0)
  doubt(members.nodes.get(1 as Rank)!, 'away', 5000)
  assert.equal(members.nodes.get(1 as Rank)!.coordinator, null)
  members.run(5000, 0)
  assert.deepEqual(members.leaders(), [1, 1, 1])
})

test('what is about another view, or from who is no member, is ignored', () => {
  const node = createElection(2 as Rank, VIEW, [1, 2] as Rank[], 0)
  const question = { type: 'election', view: { ...VIEW, nonce: 'other' }, ballot: 10_001 } as const
  assert.deepEqual(takeElection(node, 1 as Rank, question, 0), [])
  assert.deepEqual(takeElection(node, 9 as Rank, { ...question, view: VIEW }, 0), [])
  assert.deepEqual(takeElection(node, 1 as Rank, { type: 'elected', view: VIEW, coordinator: 9 as Rank }, 0), [])
  assert.equal(node.coordinator, null)
})

const nodeCount = fc.integer({ min: 1, max: 5 })
/** What the network does next: which message on its way is taken, lost, or delivered and kept; or time passes. */
const chaos = fc.array(
  fc.record({ pick: fc.nat(), what: fc.integer({ min: 0, max: 5 }), ms: fc.integer({ min: 0, max: 700 }) }),
  {
    maxLength: 300,
  },
)

test('whatever is lost, doubled, late or overtaken: at most one coordinator, and one soon after that ends', () => {
  fc.assert(
    fc.property(nodeCount, chaos, (count, steps) => {
      const members = createMembers(Array.from({ length: count }, (_, i) => i + 1))
      let now = 0
      for (const { pick, what, ms } of steps) {
        const { post } = members
        if (what === 0 || post.length === 0) {
          now += ms
          members.tick(now)
          continue
        }
        if (what === 5) {
          const someone = members.nodes.get(((pick % count) + 1) as Rank) as Election
          doubt(someone, 'away', now)
          continue
        }
        const at = pick % post.length
        const [message] = what === 2 ? [post[at]!] : post.splice(at, 1)
        if (what !== 1) members.deliver(message!, now)
        assert.ok(members.elected.size <= 1, `elected: ${[...members.elected].join(', ')}`)
      }
      members.run(now, 6000)
      assert.equal(members.elected.size, 1)
      const leader = [...members.elected][0]
      assert.ok(
        members.leaders().every((one) => one === leader),
        `leaders ${members.leaders().join(', ')}`,
      )
    }),
    { numRuns: 300 },
  )
})
