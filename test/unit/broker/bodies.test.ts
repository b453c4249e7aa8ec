import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestsIn, serviceOf, unavailableReply } from '../../../src/broker/bodies.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'

const body = (value: unknown): Buffer => Buffer.from(encode(value))

test('requests are counted without decoding, and never more than a batch may have', () => {
  for (const count of [1, 15, 16, 300, 1000])
    assert.equal(requestsIn(body(Array(count).fill({ service: 'sum' }))), count)
  for (const one of [{ service: 'sum' }, [], 7, Array(1001).fill(1)])
    assert.equal(requestsIn(body(one)), Array.isArray(one) && one.length > 1 ? 1000 : 1)
  for (const garbage of ['', '\xdc', '\xdc\x01', '\xdd\xff\xff\xff\xff'])
    assert.equal(requestsIn(Buffer.from(garbage, 'latin1')), 1)
})

test('the service of one envelope, and of a batch for one service', () => {
  assert.equal(serviceOf(body({ service: 'mean', data: {} })), 'mean')
  assert.equal(serviceOf(body([{ service: 'mean' }, { service: 'mean' }])), 'mean')
  assert.equal(serviceOf(body([{ service: 'mean' }, { service: Buffer.from('mean') }])), 'mean')
})

test('mixed batches and what cannot be read belong to our servers', () => {
  for (const value of [
    [{ service: 'mean' }, { service: 'sum' }],
    [],
    7,
    null,
    { service: 5 },
    [1],
    [{ service: 'a' }, 1],
  ])
    assert.equal(serviceOf(body(value)), null)
  assert.equal(serviceOf(Buffer.from([0xc1])), null)
  assert.equal(serviceOf(Buffer.alloc(0)), null)
})

test('a refusal answers each envelope with its id', () => {
  const single = decode(unavailableReply(body({ service: 'sum', id: 'x', data: {} }), 'why', 5, 6))
  const data = {
    status: 'erro',
    code: 'unavailable',
    description: 'why',
    message: 'why',
    retriable: true,
    timestamp: 5,
    clock: 6,
  }
  assert.deepEqual(single, { service: 'sum', id: 'x', data })
  const batch = decode(unavailableReply(body([{ service: 'sum', id: 'x' }, { service: 'mean' }]), 'why', 5, 6))
  assert.deepEqual(batch, [
    { service: 'sum', id: 'x', data },
    { service: 'mean', data },
  ])
  assert.deepEqual(decode(unavailableReply(Buffer.from([0xc1]), 'why', 5, 6)), { service: '', data })
})
