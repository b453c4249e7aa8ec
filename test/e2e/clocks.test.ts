/** Clocks that are wrong by seconds come together, none goes back, and one that lies by an hour moves nobody. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { type Cluster, linesOf, startCluster, waitFor } from './support/cluster.ts'
import { areWithin, createWatch, type ReadClock, readClocks, sayWithin } from './support/times.ts'

const describe = (clocks: readonly ReadClock[]): string =>
  clocks
    .map(
      ({ rank, now, at, error, offsetMs, errorMs }) =>
        `server ${rank}: ${now - at} ± ${error}, says ${offsetMs} ± ${errorMs}`,
    )
    .join('; ')

const byRank = (clocks: readonly ReadClock[], rank: number): ReadClock => {
  const clock = clocks.find((one) => one.rank === rank)
  assert.ok(clock, `server ${rank} answers`)
  return clock
}

/** Looks at the clocks until they are as wanted; none may ever go back or run too fast or too slowly. */
async function until(
  cluster: Cluster,
  watch: ReturnType<typeof createWatch>,
  what: string,
  isSo: (clocks: ReadClock[]) => boolean,
) {
  let clocks: ReadClock[] = []
  return await waitFor(
    async () => {
      clocks = await readClocks(cluster)
      watch.look(clocks)
      return isSo(clocks) ? clocks : null
    },
    () => `${what}; now ${describe(clocks)}`,
    60_000,
  )
}

test('three clocks that disagree by seconds come together without going back, and so do the times of events', async (t) => {
  const cluster = await startCluster({ env: { CLOCK_SKEW_MS: '1:+3000,2:-2000,3:+500' } })
  try {
    await cluster.ready
    const ready = performance.now()
    const client = connect({ broker: cluster.config.brokerUrls })
    await client.call('login', { user: 'ana' })
    await client.call('channel', { channel: 'music' })
    let going = true
    const publish = async (): Promise<void> => {
      while (going)
        await client.call('publish', { user: 'ana', channel: 'music', message: 'now' }, { deadlineMs: 60_000 })
    }
    const load = Promise.all([publish(), publish(), publish()])
    const watch = createWatch()
    const isTogether = (clocks: ReadClock[]): boolean =>
      clocks.length === 3 && areWithin(clocks, 5) && sayWithin(clocks, 5)
    const clocks = await until(cluster, watch, 'clocks within 5 ms of each other', isTogether)
    t.diagnostic(
      `within 5 ms of each other ${Math.round(performance.now() - ready)} ms after cluster ready: ${describe(clocks)}`,
    )
    going = false
    await load
    await client.close()
    // What they were before correction, against the average; half a second for the difference that processes' starts make.
    const raw = [1, 2, 3].map((rank) => byRank(clocks, rank).rawOffsetMs)
    assert.ok(Math.abs(raw[0]! - raw[1]! - 5000) < 50 && Math.abs(raw[2]! - raw[1]! - 2500) < 50, raw.join(', '))
    assert.deepEqual(watch.wrong, [])
    assertTimesRise(cluster)
  } finally {
    await cluster.stop()
  }
})

/** Per origin, in the order of its events, as in the public files. */
function assertTimesRise(cluster: Cluster): void {
  const files = cluster.publicFiles()
  const lines = ['logins.jsonl', 'channels.jsonl', 'publications.jsonl'].flatMap((name) =>
    linesOf(files, 'server-1', name),
  )
  const events = lines.map(({ origin, seq, time }) => ({
    origin: String(origin),
    seq: Number(seq),
    time: Number(time),
  }))
  const origins = new Set(events.map(({ origin }) => origin))
  assert.ok(events.length > 10 && origins.size === 3, `${events.length} events of ${[...origins].join(', ')}`)
  for (const origin of origins) {
    const own = events.filter((event) => event.origin === origin).sort((a, b) => a.seq - b.seq)
    for (const [index, { seq, time }] of own.entries())
      assert.ok(time >= (own[index - 1]?.time ?? 0), `${origin}: event ${seq} is earlier than the one before`)
  }
}

test('one server lies by an hour: it is thrown out, and the others do not move', async () => {
  const cluster = await startCluster({ env: { CLOCK_SKEW_MS: '2:+3600000' } })
  try {
    await cluster.ready
    const watch = createWatch()
    const record = await waitFor(
      () => cluster.records().find(({ thrown_out: out }) => Array.isArray(out) && out.includes(2)) ?? null,
      'a round that throws server 2 out',
    )
    assert.deepEqual(record.thrown_out, [2])
    const known = (clocks: ReadClock[]): boolean =>
      clocks.length === 3 && clocks.every(({ errorMs }) => errorMs !== null)
    const clocks = await until(cluster, watch, 'three clocks that were corrected', known)
    const [one, two, three] = [1, 2, 3].map((rank) => byRank(clocks, rank)) as [ReadClock, ReadClock, ReadClock]
    for (const honest of [one, three]) {
      assert.ok(Math.abs(honest.rawOffsetMs) < 50, `server ${honest.rank}: ${honest.rawOffsetMs}`)
      assert.ok(
        Math.abs(performance.timeOrigin + honest.at - honest.now) < 1000 + honest.error,
        'as right as this machine',
      )
    }
    assert.ok(Math.abs(two.rawOffsetMs - 3_600_000) < 1000 && two.slewing)
    const corrections = cluster.records().filter(({ correction_ms: correction }) => correction !== undefined)
    for (const { correction_ms: correction } of corrections) {
      const { 1: first = 0, 3: third = 0 } = correction as Record<string, number>
      assert.ok(Math.abs(first) < 100 && Math.abs(third) < 100, JSON.stringify(correction))
    }
    assert.deepEqual(watch.wrong, [])
  } finally {
    await cluster.stop()
  }
})
