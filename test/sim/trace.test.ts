/** The trace that `npm run sim -- --seed S --trace FILE` writes, by the rules of ShiViz. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeed } from '../../sim/cluster.ts'
import { SHIVIZ_PARSER } from '../../sim/trace.ts'

test('every event parses, its own clock counts 1, 2, 3 … and it knows nothing that did not happen before', () => {
  const log = runSeed(3, { profile: 'crashes', rage: 5000, trace: true }).shiviz.join('\n')
  const counts = new Map<string, number>()
  let foreign = 0
  const events = [...log.matchAll(new RegExp(SHIVIZ_PARSER, 'g'))]
  assert.equal(events.length * 2, log.split('\n').length)
  for (const { groups } of events) {
    const { host, clock } = groups as { host: string; clock: string }
    for (const [other, count] of Object.entries(JSON.parse(clock) as Record<string, number>)) {
      if (other === host) assert.equal(count, (counts.get(host) ?? 0) + 1)
      else {
        foreign++
        assert.ok(count <= (counts.get(other) ?? 0), `${host} knows event ${count} of ${other} before it happened`)
      }
    }
    counts.set(host, (counts.get(host) ?? 0) + 1)
  }
  assert.ok(counts.size >= 4 && foreign > 0)
})
