/** The network between chosen processes is cut, in one direction or both, and mended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LogRecord, waitFor } from '../support/cluster.ts'
import { between, type Direction } from '../support/hostile/network.ts'
import { isMissing } from '../support/hostile/tools.ts'
import { startTrial, type Trial } from '../support/hostile/trial.ts'

const skip = isMissing('proc')

/** Cuts, lets clients work, mends, and waits until all is whole. @returns how much the cut held back */
async function cutWhile(
  { hostile, load }: Trial,
  directions: readonly Direction[],
  work: () => Promise<unknown> = () => load.more(20),
): Promise<number> {
  const { network } = hostile
  const before = network.held()
  network.cut(directions)
  await work()
  network.mend()
  await hostile.whole()
  const held = network.held() - before
  assert.ok(held > 0, `nothing was held back between ${JSON.stringify(directions)}`)
  return held
}

const all = (from: string, others: readonly string[]): Direction[] => others.map((to) => ({ from, to }))
const reverse = (directions: Direction[]): Direction[] => directions.map(({ from, to }) => ({ from: to, to: from }))

test('one server is cut off: from everybody, and in one direction only', { skip }, async (t) => {
  const trial = await startTrial(t, { network: true })
  const others = trial.hostile.names.filter((name) => name !== 'server-2')
  const both = await cutWhile(trial, between('server-2', others))
  const out = await cutWhile(trial, all('server-2', others))
  const into = await cutWhile(trial, reverse(all('server-2', others)))
  t.diagnostic(`held back: ${both} in both directions, ${out} from it, ${into} to it`)
  await trial.finish()
})

test('single links: server to ref, to the broker, to the proxy, to another server', { skip }, async (t) => {
  const trial = await startTrial(t, { network: true })
  const { cluster } = trial.hostile
  const isLeftOut = (): boolean =>
    cluster.records().some(({ msg, left_out }) => msg === 'new view' && (left_out as number[]).includes(1))
  const unheard = (): Promise<unknown> => waitFor(isLeftOut, 'ref to leave out whom it does not hear')
  const held = [await cutWhile(trial, between('server-1', ['ref']), unheard)]
  for (const other of ['broker', 'proxy', 'server-3']) held.push(await cutWhile(trial, between('server-1', [other])))
  t.diagnostic(`held back: ${held.join(', ')}`)
  await trial.finish()
})

test('two servers do not hear each other: ref leaves one out, and the order goes on meanwhile', { skip }, async (t) => {
  const trial = await startTrial(t, { network: true })
  const { cluster } = trial.hostile
  await cutWhile(trial, between('server-1', ['server-2']), async () => {
    const leftOut = ({ msg, left_out }: LogRecord): boolean => msg === 'new view' && String(left_out) === '2'
    await waitFor(() => cluster.records().some(leftOut), 'ref to leave out the one with the higher rank')
    const seen = cluster.records().length
    const ordering = (): unknown[] =>
      cluster.records().flatMap(({ msg, process: name }, i) => (i >= seen && msg === 'replicated' ? [name] : []))
    await waitFor(() => ['server-1', 'server-3'].every((name) => ordering().includes(name)), 'both others to order')
    await trial.load.more(5)
  })
  await trial.finish()
})

test('no server hears another: nothing is answered OK that does not stay', { skip }, async (t) => {
  const trial = await startTrial(t, { network: true })
  const { network, servers } = trial.hostile
  const before = network.held()
  network.cut(servers.flatMap((server) => between(server, servers)))
  const unavailable = (): number =>
    trial.load.operations().filter(({ error }) => /^unavailable|timeout|EAGAIN/.test(error)).length
  await waitFor(() => unavailable() >= 3, 'writes to be refused')
  network.mend()
  await trial.hostile.whole()
  assert.ok(network.held() > before)
  t.diagnostic(`${unavailable()} writes were refused`)
  await trial.finish()
})
