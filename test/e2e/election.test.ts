/** The coordinator of time is killed or stopped: another leads under a later term, and who comes back changes nothing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createSocket, readLoop } from '../../src/platform/sockets.ts'
import { decode } from '../../src/protocol/codec.ts'
import { SERVERS_TOPIC } from '../../src/protocol/topics.ts'
import { type Cluster, startCluster, waitFor } from './support/cluster.ts'
import { createWatch, type ReadClock, readClocks } from './support/times.ts'

type Announcement = { coordinator: string; rank: number; term: number; timestamp: number; clock: number }

let cluster: Cluster
const announcements: Announcement[] = []
let subscriber: ReturnType<typeof createSocket<'sub'>>

before(async () => {
  cluster = await startCluster()
  subscriber = createSocket('sub')
  subscriber.connect(cluster.config.proxyOutUrls[0]!)
  subscriber.subscribe(SERVERS_TOPIC)
  void readLoop(subscriber, (frames) => {
    const { service, data } = decode(frames[1]!) as { service: string; data: Announcement }
    if (service === 'election') announcements.push(data)
  })
  await cluster.ready
})
after(async () => {
  subscriber.close()
  await cluster.stop()
})

type Led = { coordinator: number; term: number; clocks: ReadClock[] }

/** Waits until so many servers follow one coordinator under one term above another, and have had a correction from it. */
async function led(servers: number, above: number): Promise<Led> {
  let clocks: ReadClock[] = []
  return await waitFor(
    async () => {
      clocks = (await readClocks(cluster)).filter(({ term }) => term > above)
      const { coordinator = null, term = 0 } = clocks[0] ?? {}
      const agree = clocks.every(
        (clock) => clock.coordinator === coordinator && clock.term === term && clock.errorMs !== null,
      )
      return clocks.length === servers && coordinator !== null && agree ? { coordinator, term, clocks } : null
    },
    () => `${servers} servers led above term ${above}; now ${JSON.stringify(clocks)}`,
    60_000,
  )
}

test('the lowest rank leads, and says so on the topic "servers"', async () => {
  const { coordinator, term } = await led(3, 0)
  assert.equal(coordinator, 1)
  await waitFor(() => announcements.some((one) => one.term === term), `an announcement of term ${term}`)
  const { clock, timestamp, ...said } = announcements.find((one) => one.term === term)!
  assert.deepEqual(said, { coordinator: 'server-1', rank: 1, term })
  assert.ok(Number.isSafeInteger(clock) && Number.isSafeInteger(timestamp))
  const started = cluster.records().find(({ msg, term: of }) => msg === 'election started' && of === term)
  assert.ok(started?.reason === 'new view' && Array.isArray(started.asked))
})

for (const signal of ['SIGSTOP', 'SIGKILL'] as const)
  test(`${signal} for the coordinator: another leads under a later term; the old one changes nothing`, async (t) => {
    const before = await led(3, 0)
    const name = `server-${before.coordinator}`
    const starts = cluster.starts(name)
    const from = Date.now()
    cluster.kill(name, signal)
    // A killed one is started again at once, and may be back before anybody missed it: then it is a member with a new term.
    const others = await led(signal === 'SIGSTOP' ? 2 : 3, before.term)
    if (signal === 'SIGSTOP') {
      assert.notEqual(others.coordinator, before.coordinator)
      const elected = cluster.records().find(({ msg, term }) => msg === 'elected' && term === others.term)
      t.diagnostic(`term ${before.term} → ${others.term} after ${Number(elected?.time) - from} ms`)
    }
    const watch = createWatch()
    watch.look(others.clocks)
    if (signal === 'SIGSTOP') cluster.kill(name, 'SIGCONT')
    else await cluster.back(name, starts)
    let last = others.clocks
    await waitFor(async () => {
      const clocks = await readClocks(cluster)
      const rest = clocks.filter(({ rank }) => rank !== before.coordinator)
      watch.look(rest)
      for (const { rank, term, now, round } of rest) {
        const earlier = last.find((one) => one.rank === rank)
        assert.ok(term >= (earlier?.term ?? 0) && round >= (earlier?.round ?? 0) && now >= (earlier?.now ?? 0))
      }
      last = rest
      return clocks.length === 3 && clocks.every(({ term, coordinator }) => term > before.term && coordinator !== null)
    }, 'all three to follow a later term')
    assert.deepEqual(watch.wrong, [])
    const told = announcements.map(({ term }) => term)
    assert.deepEqual(
      told,
      [...told].sort((a, b) => a - b),
      'no term is announced after a later one',
    )
    assert.equal(new Set(told).size, told.length, 'no term has two coordinators')
    for (const { correction_ms: correction, term } of cluster.records()) {
      if (correction === undefined || Number(term) <= before.term) continue
      for (const ms of Object.values(correction as Record<string, number>))
        assert.ok(Math.abs(ms) < 200, `term ${String(term)} corrects by ${ms} ms`)
    }
  })
