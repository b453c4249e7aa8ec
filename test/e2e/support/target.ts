/** A cluster that is going to be sent garbage, and the question whether that harmed it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { ask } from '../../../src/cli/ask.ts'
import { connect } from '../../../src/client/client.ts'
import { prepareChat, retrying, startWriter } from './clients.ts'
import { type Cluster, startCluster, waitFor } from './cluster.ts'
import { sendTo } from './garbage.ts'
import { assertSettled } from './history.ts'

export const NAMES = ['ref', 'broker', 'proxy', 'server-1', 'server-2', 'server-3']
const GROWTH_LIMIT_MB = 80

export type Endpoint = { peer: string; pub: string }

export type Target = {
  cluster: Cluster
  /** Of the servers. */
  endpoints: Endpoint[]
  /** Every endpoint that takes requests: of broker, ref and servers. */
  requestUrls: string[]
  /** Same processes, about the same memory, every log line one record, and the cluster works. */
  assertUnharmed(print: (line: string) => void): Promise<void>
}

/** Starts a cluster and has it do what it does, garbage included, so that the memory for that does not count. */
export async function startTarget(): Promise<Target> {
  const cluster = await startCluster()
  await cluster.ready
  const { servers } = (await ask(cluster.config.refUrl, 'status')) as unknown as { servers: { endpoint: Endpoint }[] }
  const endpoints = servers.map(({ endpoint }) => endpoint)
  assert.equal(endpoints.length, 3)
  const requestUrls = [cluster.config.brokerUrls[0]!, cluster.config.refUrl, ...endpoints.map(({ peer }) => peer)]
  await assertItWorks(cluster, 1000)
  for (const url of requestUrls) await sendTo(url, 1, 200)
  const before = new Map(NAMES.map((name) => [name, memoryOf(cluster, name)]))
  const growth = (name: string): number => Math.round(memoryOf(cluster, name) - before.get(name)!)
  const describe = (): string => `memory grew, MB: ${NAMES.map((name) => `${name} ${growth(name)}`).join(', ')}`
  const assertUnharmed = async (print: (line: string) => void): Promise<void> => {
    await assertItWorks(cluster, 30)
    for (const name of NAMES) assert.equal(cluster.starts(name), 1, `${name} died:\n${cluster.log().slice(-4000)}`)
    await waitFor(() => NAMES.every((name) => growth(name) < GROWTH_LIMIT_MB), describe)
    print(describe())
    for (const line of cluster.log().split('\n')) assert.doesNotThrow(() => JSON.parse(line), `a forged line: ${line}`)
  }
  return { cluster, endpoints, requestUrls, assertUnharmed }
}

/** Resident memory, MB. */
function memoryOf(cluster: Cluster, name: string): number {
  const status = readFileSync(`/proc/${cluster.pid(name)}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024
}

let writers = 0

/** Writes and reads through the whole cluster; nothing of it is lost and all files are the same. */
async function assertItWorks(cluster: Cluster, messages: number): Promise<void> {
  const client = connect({ broker: cluster.config.brokerUrls })
  try {
    const call = retrying(client)
    const users = Array.from({ length: 4 }, () => `writer-${++writers}`)
    await prepareChat(call, 'working', users)
    const all = users.map((user) => startWriter({ ask: call, user, channel: 'working' }))
    await Promise.all(all.map((writer) => writer.more(Math.ceil(messages / all.length))))
    for (const writer of all) await writer.stop()
    const operations = all.flatMap((writer) => writer.operations)
    assert.deepEqual(
      operations.filter(({ result }) => result !== 'ok'),
      [],
    )
    await assertSettled(cluster, operations, users)
  } finally {
    await client.close(0)
  }
}
