import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode, MalformedError } from '../../../src/protocol/codec.ts'
import { readBody } from '../../../src/protocol/envelope.ts'
import { readReplicaMessage } from '../../../src/protocol/replica.ts'
import { scan } from '../../../src/protocol/scan.ts'

const document = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.string(), fc.boolean(), fc.constant(null), fc.uint8Array()),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value

test('the scan accepts whatever the encoder makes', () => {
  fc.assert(fc.property(document, (value) => scan(encode(value)) === null))
})

test('the scan refuses every shortened document', () => {
  fc.assert(
    fc.property(document, fc.nat(), (value, cut) => {
      const bytes = encode(value)
      assert.notEqual(scan(bytes.subarray(0, cut % bytes.length)), null)
    }),
  )
})

test('random bytes are refused with a reason or decoded, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        const { requests } = readBody(decode(bytes))
        assert.ok(requests.length > 0)
        readReplicaMessage(decode(bytes))
      } catch (error) {
        assert.ok(error instanceof MalformedError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a hostile document costs no memory', () => {
  const nested = Buffer.alloc(1200, Buffer.from([0xdc, 0xff, 0xff]))
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
  for (let i = 0; i < 1000; i++) assert.throws(() => decode(nested), MalformedError)
  assert.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 64 << 20)
})
