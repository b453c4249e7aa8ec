/** What every test with faults does: a hostile cluster, clients at work all the while, and the verdict in the end. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { assertSettled } from '../history.ts'
import { type Load, startLoad } from '../load.ts'
import { type Hostile, type HostileOptions, startHostile } from './hostile.ts'

export type Trial = {
  hostile: Hostile
  load: Load
  /**
   * To be called when everything is mended: waits until the cluster is whole and works, stops the clients, and checks
   * that nothing is lost, doubled, made up or out of order, and that all files are equal.
   */
  finish(): Promise<void>
}

/** Starts it all; it is stopped at the end of the test, however that ends. */
export async function startTrial(t: TestContext, options: HostileOptions = {}): Promise<Trial> {
  const hostile = await startHostile(options)
  t.after(() => hostile.stop())
  const load = await startLoad({ broker: hostile.brokerUrl })
  t.after(() => load.stop())
  await load.more(10)
  const finish = async (): Promise<void> => {
    await hostile.whole()
    await load.more(10)
    await load.stop()
    const operations = load.operations()
    const settledMs = await assertSettled(hostile.cluster, operations, 'everybody', hostile.servers.length)
    assert.deepEqual(load.violations, [])
    const diverged = hostile.cluster.records().filter(({ msg }) => String(msg).startsWith('DIVERGED'))
    assert.deepEqual(diverged, [], 'all servers ordered the same')
    assert.ok(load.reads.exact > 0, 'some reads were exact')
    const count = (result: string): number => operations.filter((one) => one.result === result).length
    const outcomes = `${count('ok')} OK, ${count('unknown')} unknown, ${count('refused')} refused`
    const { exact, stale, failed } = load.reads
    t.diagnostic(
      `${outcomes}; reads: ${exact} exact, ${stale} stale, ${failed} failed; files equal after ${settledMs} ms`,
    )
    t.diagnostic(`longest time without an OK ${load.longestWithoutOkMs()} ms`)
  }
  return { hostile, load, finish }
}
