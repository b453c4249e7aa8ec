/** `npm run chaos`, very short: it injects what it was asked for, ends clean, and Ctrl-C ends it with a verdict. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { waitFor } from '../support/wait.ts'

const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'chaos', 'main.js')

function chaos(t: TestContext, ...words: string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGTERM'))
  const lines: string[] = []
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => lines.push(line))
  const closed = once(child, 'close') as Promise<[number | null]>
  return { child, lines, text: () => lines.join('\n'), code: async () => (await closed)[0] }
}

test('a short run with some kinds of faults', async (t) => {
  const run = chaos(t, '--minutes', '0.2', '--seed', '7', '--faults', 'kill,pause,cut one way,kill all servers')
  assert.equal(await run.code(), 0, run.text())
  const text = run.text()
  assert.match(text, /^seed 7, 3 servers, 0\.2 minutes; kinds of faults: 4$/m)
  const [, injected] = /^faults injected: (.*)$/m.exec(text)!
  const counts = [...injected!.matchAll(/ (\d+)(?:,|$)/g)].map(([, count]) => Number(count))
  assert.ok(counts.length === 4 && counts.reduce((sum, count) => sum + count, 0) >= 2, text)
  const [, ok] = /^operations: (\d+) OK/m.exec(text)!
  assert.ok(Number(ok) > 100, text)
  assert.match(text, /^lost 0, doubled 0, phantom 0, out of order 0, wrong reads 0$/m)
  assert.match(text, /^files equal: yes\nverdict: clean$/m)
  t.diagnostic(`${ok} OK; ${injected}`)
})

test('Ctrl-C: everything is mended, and the verdict is of what was done so far', async (t) => {
  const run = chaos(t, '--minutes', '60', '--faults', 'pause')
  await waitFor(
    () => /pause: server-\d/.test(run.text()),
    () => `a fault:\n${run.text()}`,
    60_000,
  )
  run.child.kill('SIGINT')
  assert.equal(await run.code(), 0, run.text())
  assert.match(run.text(), /^verdict: clean$/m)
})

test('what it cannot do it says in one line', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--faults', 'rain'], /^there is no fault "rain"$/m],
    [['--minutes', 'ten'], /^"ten" is no number from 0\.05 to 1440$/m],
    [['--servers', '0'], /^"0" is no number from 1 to 9$/m],
  ]
  for (const [words, message] of wrong) {
    const run = chaos(t, ...words)
    assert.equal(await run.code(), 1)
    assert.match(run.text(), message)
  }
})
