import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readClient, readWorker } from '../../../src/broker/frames.ts'
import { writeStamp } from '../../../src/protocol/stamp.ts'

const frames = (...parts: (string | Buffer)[]): Buffer[] => parts.map((part) => Buffer.from(part))
const stamp = writeStamp(Buffer.alloc(8, 7), 3, 4)

test('a client: identity, further frames, an empty one, a body', () => {
  assert.deepEqual(readClient(frames('id', '', 'body')), { route: frames('id'), body: Buffer.from('body') })
  assert.deepEqual(readClient(frames('id', 'more', '', 'b')), { route: frames('id', 'more'), body: Buffer.from('b') })
  assert.deepEqual(readClient(frames('id', '', '')), { route: frames('id'), body: Buffer.alloc(0) })
})

test('anything else from a client is refused', () => {
  const wrong = [
    frames('id'),
    frames('id', ''),
    frames('id', 'body'),
    frames('id', 'x', 'y'),
    frames('id', '', 'x', 'y'),
    frames('id', '', '', 'body'),
    frames('id', ...Array.from({ length: 20 }, () => 'x'), '', 'body'),
  ]
  for (const one of wrong) assert.equal(readClient(one), null, one.join('|'))
})

test('a worker: the stamp stands before the empty frame', () => {
  assert.deepEqual(readWorker(frames('id', stamp, '', 'body')), { stamp, body: Buffer.from('body') })
  assert.deepEqual(readWorker(frames('id', 'more', stamp, '', 'b')), { stamp, body: Buffer.from('b') })
  for (const wrong of [
    frames('id', '', 'body'),
    frames(stamp, '', 'body'),
    frames('id', 'x', '', 'body'),
    frames('id', stamp, 'body'),
    frames('id', stamp, '', 'a', 'b'),
  ])
    assert.equal(readWorker(wrong), null)
})
