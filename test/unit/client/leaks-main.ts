/**
 * The process of leaks.test.ts: clients that nobody answers and one that a broker answers, used in every way and closed
 * at every moment, round after round. Prints what each round leaves, and does nothing to end: it must end by itself.
 */
import { CallError, type Client, connect } from '../../../src/client/client.ts'
import { fakeBroker } from './fake-broker.ts'

/** Nobody listens there, and nobody can without being root. */
const NOBODY = 'tcp://127.0.0.1:9'
const ROUNDS = 12
const WARM_UP = 4
const SETTLED_MS = 30_000

/** As long as the program: nothing may stay on it. */
const program = new AbortController()
const ignore = (): void => {}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Everything that can be begun with a client; some of it is ended, the rest is what `close` ends. */
async function use(client: Client, round: number, closes: boolean): Promise<void> {
  const signal = AbortSignal.timeout(20)
  const mine = new AbortController()
  for (let i = 0; i < 100; i++) {
    const channel = `channel-${round}-${i}`
    const live = client.subscribe(channel, { signal: program.signal })
    if (i % 2 === 0 || !closes) live.close()
    void (async () => {
      for await (const _ of live) break
    })()
    const ordered = client.subscribe(channel, {
      from: i % 3 === 0 ? 'last' : i,
      signal: i % 5 === 0 ? signal : mine.signal,
    })
    // Neither who reads nor who does not look at anything hears of a rejection that nobody handles.
    if (i % 2 === 0)
      void (async () => {
        for await (const _ of ordered) break
      })().catch(ignore)
    if (i % 4 === 0) ordered.close()
    if (i % 25 === 0) await turn()
    client.call('double', { value: 'x'.repeat(1000) }, { signal: i % 2 === 0 ? signal : mine.signal }).catch(ignore)
    client.call('double', { value: i }, { deadlineMs: i, signal: program.signal }).catch(expected)
    // Until its deadline, unless the client is closed before.
    if (closes) client.call('double', { value: i }).catch(expected)
  }
  await turn()
  mine.abort()
  await turn()
}

function expected(error: unknown): void {
  if (!(error instanceof CallError)) throw error
}

const resources = (): string[] => process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|FSReq/.test(name))

/** Deadlines and signals of the round run out a little later, and the timers that serve them end then: waits for that. */
async function settle(): Promise<void> {
  const limit = performance.now() + SETTLED_MS
  while (resources().includes('Timeout') && performance.now() < limit)
    await new Promise((resolve) => setTimeout(resolve, 10))
}

async function measure() {
  await settle()
  for (let i = 0; i < 3; i++) {
    await turn()
    globalThis.gc!()
  }
  const { heapUsed, external } = process.memoryUsage()
  return { bytes: heapUsed + external, resources: resources() }
}

const broker = await fakeBroker(({ service, data }) =>
  service === 'history' ? { items: [], next: null, position: 7 } : { status: 'OK', value: data.value },
)
const lasting = [connect({ broker: NOBODY, proxy: NOBODY }), connect({ broker: broker.url, proxy: NOBODY })]
const closed: Promise<void>[] = []
const rounds: Awaited<ReturnType<typeof measure>>[] = []
for (let round = 0; round < ROUNDS; round++) {
  for (const client of lasting) await use(client, round, false)
  for (const urls of [[NOBODY], [NOBODY, broker.url]]) {
    const client = connect({ broker: urls, proxy: NOBODY })
    await use(client, round, true)
    closed.push(client.close(round % 2 === 0 ? 0 : 50))
  }
  await Promise.all(closed.splice(0))
  broker.bodies.length = 0
  if (round >= WARM_UP) rounds.push(await measure())
}
await Promise.all(lasting.map((client) => client.close(0)))
broker.close()
process.stdout.write(`${JSON.stringify(rounds)}\n`)
