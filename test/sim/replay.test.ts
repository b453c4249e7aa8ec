/** `npm run sim -- --seed S --trace FILE` in two processes. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const main = fileURLToPath(new URL('../../sim/main.js', import.meta.url))

test('the same seed twice gives the same log, byte for byte', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'compasso-replay-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const replay = async (seed: number): Promise<string> => {
    const file = join(folder, 'trace.log')
    const args = [main, '--seed', String(seed), '--profile', 'storm', '--trace', file]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    return stdout + readFileSync(file, 'latin1')
  }
  const once = await replay(7)
  assert.ok(once.length > 10_000, once)
  assert.equal(await replay(7), once)
  assert.notEqual(await replay(8), once)
})
