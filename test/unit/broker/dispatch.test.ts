import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  Dispatch,
  GIVE_UP_MS,
  MAX_ATTEMPTS,
  MOST_RETURNS,
  OVERTAKEN_MS,
  type Request,
} from '../../../src/broker/dispatch.ts'

const REDISPATCH_MS = 500
const LIMITS = { redispatchMs: REDISPATCH_MS, maxRequests: 100, maxBytes: 10_000 }
const ROUTE = [Buffer.from('client')]
const BODY = Buffer.from('body')
const OPEN = () => true

function start(): { dispatch: Dispatch; send(now: number, backEnd?: number): Request } {
  const dispatch = new Dispatch(LIMITS)
  return {
    dispatch,
    send(now, backEnd = 0) {
      const request = dispatch.add(backEnd, ROUTE, BODY, 1, now)
      dispatch.sent(request, now)
      return request
    },
  }
}

test('numbers are unique and a request is answered once', () => {
  const { dispatch, send } = start()
  const one = send(0)
  const two = send(0)
  assert.notEqual(one.number, two.number)
  assert.equal(dispatch.reply(two.number, 5), two)
  assert.equal(dispatch.reply(two.number, 6), null)
  assert.equal(dispatch.reply(99, 6), null)
  assert.equal(dispatch.size, 1)
  assert.ok(two.done && !one.done)
})

test('an overtaken request goes round again, one that is only old does not', () => {
  const { dispatch, send } = start()
  const lost = send(0)
  const soonAfter = send(OVERTAKEN_MS - 1)
  dispatch.reply(soonAfter.number, 700)
  assert.deepEqual(dispatch.sweep(800, OPEN).again, [], 'sent too close to it to prove anything')
  const wellAfter = send(OVERTAKEN_MS)
  dispatch.reply(wellAfter.number, 810)
  assert.deepEqual(dispatch.sweep(810, OPEN).again, [], 'replies take 700 ms, so it may be in a queue')
  const quick = send(1000)
  dispatch.reply(quick.number, 1010)
  assert.deepEqual(dispatch.sweep(1010, OPEN).again, [lost])
})

test('where replies are quick, little time is evidence enough', () => {
  const { dispatch, send } = start()
  const lost = send(500)
  const wellAfter = send(500 + OVERTAKEN_MS)
  dispatch.reply(wellAfter.number, 700)
  assert.deepEqual(dispatch.sweep(999, OPEN).again, [])
  assert.deepEqual(dispatch.sweep(1000, OPEN).again, [lost])
})

test('replies in bursts, seconds apart, do not send everything round again', () => {
  const { dispatch, send } = start()
  const burst = [send(0), send(10), send(20)]
  assert.equal(dispatch.sweep(400, OPEN).again.length, 0)
  for (const request of burst) dispatch.reply(request.number, 450)
  const next = [send(460), send(470), send(480)]
  for (let now = 500; now < 1200; now += 25) assert.deepEqual(dispatch.sweep(now, OPEN).again, [], `at ${now}`)
  for (const request of next) dispatch.reply(request.number, 1200)
  const lost = send(1210)
  for (let now = 1225; now < 2000; now += 25) assert.deepEqual(dispatch.sweep(now, OPEN).again, [], `at ${now}`)
  assert.deepEqual(dispatch.sweep(2200, OPEN).again, [lost], 'in the end silence tells')
})

test('a request goes round again when all is silent', () => {
  const { dispatch, send } = start()
  const lost = send(1000)
  assert.deepEqual(dispatch.sweep(1499, OPEN).again, [])
  assert.deepEqual(dispatch.sweep(1500, OPEN).again, [lost])
})

test('replies keep waiting requests from going round, back ends do not speak for each other', () => {
  const { dispatch, send } = start()
  const late = send(0)
  const other = send(0, 1)
  for (let now = 100; now <= 2000; now += 100) {
    const served = dispatch.add(0, ROUTE, BODY, 1, 0)
    dispatch.sent(served, 50)
    dispatch.reply(served.number, now)
    const { again } = dispatch.sweep(now, OPEN)
    assert.ok(!again.includes(late), `at ${now}`)
    if (again.includes(other)) dispatch.sent(other, now)
  }
  assert.equal(late.attempts, 1)
  assert.equal(other.attempts, 5)
})

test('nothing goes round to a back end whose queues are full', () => {
  const { dispatch, send } = start()
  send(0)
  assert.deepEqual(dispatch.sweep(5000, () => false).again, [])
  assert.equal(dispatch.sweep(5000, OPEN).again.length, 1)
})

test('after the last attempt it is given up, also when it never left', () => {
  const { dispatch, send } = start()
  const sent = send(0)
  const unsent = dispatch.add(0, ROUTE, BODY, 1, 0)
  for (let now = 0; now < GIVE_UP_MS; now += 100) {
    const { again, givenUp } = dispatch.sweep(now, OPEN)
    assert.deepEqual(givenUp, [])
    for (const request of again) dispatch.sent(request, now)
  }
  assert.equal(sent.attempts, MAX_ATTEMPTS)
  assert.equal(unsent.attempts, 0)
  assert.deepEqual(dispatch.sweep(GIVE_UP_MS, OPEN).givenUp, [sent, unsent])
  assert.equal(dispatch.size, 0)
  assert.equal(dispatch.bytes, 0)
  assert.equal(dispatch.reply(sent.number, GIVE_UP_MS + 1), null)
})

test('handing back is no failed attempt, and ends when it goes round and round, or when all workers are behind', () => {
  const { dispatch, send } = start()
  const one = send(0)
  for (let i = 0; i < MOST_RETURNS; i++) {
    assert.ok(dispatch.mayReturn(one))
    assert.equal(dispatch.handedBack(one.number, 1), one)
    dispatch.sent(one, 1)
  }
  assert.deepEqual([one.attempts, dispatch.mayReturn(one)], [1, false])
  assert.equal(dispatch.handedBack(99, 1), null)

  const serve = (answers: number, returns: number): boolean => {
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < answers; i++) dispatch.reply(send(2).number, 2)
      for (let i = 0; i < returns; i++) dispatch.handedBack(send(2).number, 2)
    }
    return dispatch.mayReturn(send(2))
  }
  assert.equal(serve(20, 10), true, 'one of a few is slow')
  assert.equal(serve(5, 20), false, 'all are behind')
  assert.equal(serve(50, 0), true, 'no longer')
})

test('it is full at the bound of requests, each of a batch counted, and of bytes', () => {
  const many = new Dispatch({ redispatchMs: 500, maxRequests: 2, maxBytes: 1000 })
  const first = many.add(0, ROUTE, BODY, 1, 0)
  assert.equal(many.full, false)
  many.add(0, ROUTE, BODY, 1, 0)
  assert.equal(many.full, true)
  many.reply(first.number, 1)
  assert.equal(many.full, false)
  const batches = new Dispatch({ redispatchMs: 500, maxRequests: 10, maxBytes: 1000 })
  const batch = batches.add(0, ROUTE, BODY, 9, 0)
  assert.equal(batches.full, false)
  batches.add(0, ROUTE, BODY, 1, 0)
  assert.equal(batches.full, true)
  batches.reply(batch.number, 1)
  assert.equal(batches.full, false)
  const large = new Dispatch({ redispatchMs: 500, maxRequests: 10, maxBytes: 1000 })
  large.add(0, ROUTE, Buffer.alloc(1000), 1, 0)
  assert.equal(large.full, true)
})

type Step =
  | { kind: 'add'; backEnd: number; send: boolean }
  | { kind: 'reply'; pick: number }
  | { kind: 'sweep'; open: boolean }
  | { kind: 'wait'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), backEnd: fc.nat(1), send: fc.boolean() }),
  fc.record({ kind: fc.constant('reply' as const), pick: fc.nat(60) }),
  fc.record({ kind: fc.constant('sweep' as const), open: fc.boolean() }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }),
)

/** Everything that happened, and the rules read off it the slow way. */
class History {
  readonly added: Request[] = []
  readonly replies: { backEnd: number; at: number; firstSentAt: number }[] = []
  readonly lastSent = new Map<number, number>()
  readonly outcomes = new Map<number, number>()

  mayGoRound(request: Request, now: number): boolean {
    const sentAt = this.lastSent.get(request.number)!
    const heard = this.replies.filter((reply) => reply.backEnd === request.backEnd)
    const overtaken = heard.some((reply) => reply.firstSentAt >= sentAt + OVERTAKEN_MS)
    const silent = !heard.some((reply) => reply.at > now - REDISPATCH_MS)
    return now - sentAt >= REDISPATCH_MS && (overtaken || silent)
  }

  end(request: Request): void {
    this.outcomes.set(request.number, (this.outcomes.get(request.number) ?? 0) + 1)
  }
}

test('whatever happens: one outcome each, at most five dispatches, only on evidence, bounded', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { dispatch } = start()
      const history = new History()
      let now = 0
      const send = (request: Request): void => {
        dispatch.sent(request, now)
        history.lastSent.set(request.number, now)
      }
      const sweep = (open: boolean): void => {
        const { again, givenUp } = dispatch.sweep(now, () => open)
        const due = history.added.filter(
          (request) =>
            !request.done &&
            request.attempts > 0 &&
            request.attempts < MAX_ATTEMPTS &&
            history.mayGoRound(request, now),
        )
        assert.deepEqual(again, open ? due : [])
        for (const request of again) send(request)
        for (const request of givenUp) {
          assert.ok(now - request.cameAt >= GIVE_UP_MS)
          history.end(request)
        }
      }
      for (const action of steps) {
        if (action.kind === 'wait') now += action.ms
        else if (action.kind === 'sweep') sweep(action.open)
        else if (action.kind === 'reply') {
          const request = history.added[action.pick]
          if (request === undefined || request.attempts === 0) continue
          const answered = dispatch.reply(request.number, now)
          if (answered === null) continue
          assert.equal(answered, request)
          history.replies.push({ backEnd: request.backEnd, at: now, firstSentAt: request.firstSentAt })
          history.end(request)
        } else if (!dispatch.full) {
          const request = dispatch.add(action.backEnd, ROUTE, BODY, 1, now)
          history.added.push(request)
          if (action.send) send(request)
        }
        const waiting = history.added.filter((request) => !request.done)
        assert.equal(dispatch.size, waiting.length)
        assert.equal(dispatch.bytes, waiting.length * (ROUTE[0]!.length + BODY.length))
        assert.ok(history.added.every((request) => request.attempts <= MAX_ATTEMPTS))
      }
      now += GIVE_UP_MS
      sweep(true)
      assert.equal(dispatch.size, 0)
      for (const request of history.added) assert.equal(history.outcomes.get(request.number), 1)
    }),
    { numRuns: 300 },
  )
})
