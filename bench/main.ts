/**
 * `npm run bench -- --quick`: a whole cluster as `npm start` runs it, one client process, and what it does per second,
 * with the CPU time of every role. Figures are ratios' raw material: compare only what one run printed.
 */
import { parseArgs } from 'node:util'
import { type Client, connect } from '../src/client/client.ts'
import { type BenchCluster, startBenchCluster } from './cluster.ts'
import { cpuSeconds } from './cpu.ts'
import { type Measured, measureCalls, percentile } from './load.ts'

const USAGE =
  'usage: npm run bench -- [--quick] [--seconds S] [--in-flight N] [--servers N] [--work publish,publish-1,read] [--json]'

type Row = { work: string; inFlight: number; measured: Measured; cpu: Record<string, number> }

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ quick: { type: 'boolean' }, json: { type: 'boolean' }, seconds: { type: 'string' } },
      ...{ 'in-flight': { type: 'string' }, servers: { type: 'string' }, work: { type: 'string' } },
    },
  })
  const number = (text: string | undefined, fallback: number): number => {
    const value = text === undefined ? fallback : Number(text)
    if (!Number.isSafeInteger(value) || value < 1)
      throw new Error(`${JSON.stringify(text)} is not a whole number ≥ 1\n${USAGE}`)
    return value
  }
  const seconds = number(values.seconds, values.quick ? 5 : 15)
  const inFlight = number(values['in-flight'], 1000)
  const cluster = await startBenchCluster(number(values.servers, 3))
  const client = connect({ broker: cluster.brokerUrl })
  const rows: Row[] = []
  try {
    await prepare(client)
    const publish = (i: number) =>
      client.call('publish', { user: 'ana', channel: 'bench', message: `message ${i} ${TEXT}` })
    const read = () => client.call('users', {})
    const works = [
      { key: 'publish', work: 'durable publish', call: publish, flight: inFlight },
      { key: 'publish-1', work: 'durable publish', call: publish, flight: 1 },
      { key: 'read', work: 'read (users)', call: read, flight: inFlight },
    ]
    const chosen = values.work?.split(',') ?? works.map(({ key }) => key)
    for (const { work, call, flight } of works.filter(({ key }) => chosen.includes(key))) {
      await measureCalls(call, flight, WARM_UP_SECONDS)
      const before = cpuSeconds(cluster.pids())
      const measured = await measureCalls(call, flight, seconds)
      const after = cpuSeconds(cluster.pids())
      const cpu = Object.fromEntries(
        Object.entries(after).map(([role, used]) => [role, (used - (before[role] ?? 0)) / measured.seconds]),
      )
      rows.push({ work, inFlight: flight, measured, cpu })
    }
    await client.close()
    await report(rows, cluster, values.json === true)
  } finally {
    await cluster.stop()
  }
}

const TEXT = 'x'.repeat(80)
/** So long do five young processes take until their code is compiled as it stays; before that a quarter is missing. */
const WARM_UP_SECONDS = 6

async function prepare(client: Client): Promise<void> {
  await client.call('login', { user: 'ana' })
  await client.call('channel', { channel: 'bench' })
}

async function report(rows: Row[], cluster: BenchCluster, json: boolean): Promise<void> {
  const same = await cluster.filesAreEqual()
  if (json) {
    const flat = rows.map(({ measured: { latencies, ...rest }, ...row }) => ({
      ...row,
      ...rest,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
    }))
    console.log(JSON.stringify({ rows: flat, filesAreEqual: same }, null, 2))
    return
  }
  for (const { work, inFlight, measured, cpu } of rows) {
    const { latencies, perSecond, failed } = measured
    const p = (part: number): string => `${percentile(latencies, part).toFixed(2)} ms`
    console.log(
      `${work}, ${inFlight} in flight: ${Math.round(perSecond).toLocaleString('en')} per second, p50 ${p(0.5)}, p99 ${p(0.99)}, ${failed} failed`,
    )
    const parts = Object.entries(cpu).map(([role, cores]) => `${role} ${cores.toFixed(2)}`)
    const all = Object.values(cpu).reduce((sum, cores) => sum + cores, 0)
    console.log(
      `  cores: ${parts.join(', ')}; all ${all.toFixed(2)}; ${((all / perSecond) * 1e6).toFixed(1)} µs of CPU each`,
    )
  }
  console.log(`files of all servers: ${same ? 'equal' : 'DIFFERENT'}`)
  if (!same) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
