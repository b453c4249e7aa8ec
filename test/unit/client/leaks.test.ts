/** A process that uses clients in every way leaves nothing: no memory, no handle, no rejection, and it ends by itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const LIMIT_MS = 120_000
/** A round has 800 subscriptions and 1,000 calls: to keep a hundred bytes of each would be more. */
const GROWTH_BYTES = 512 << 10

test('whatever is begun and ended, nothing is left, and the process ends', async (t) => {
  const program = fileURLToPath(new URL('./leaks-main.js', import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', '--unhandled-rejections=strict', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  let [output, errors] = ['', '']
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    errors += text
  })
  const [code, signal] = await once(child, 'close')
  assert.equal(signal ?? code, 0, `it printed "${output}", and did not end by itself:\n${errors}`)
  assert.equal(errors, '')
  const rounds = JSON.parse(output) as { bytes: number; resources: string[] }[]
  const sizes = rounds.map(({ bytes }) => bytes)
  t.diagnostic(`KiB after each round: ${sizes.map((bytes) => Math.round(bytes / 1024))}`)
  t.diagnostic(`resources: ${rounds.at(-1)!.resources}`)
  // The least of the last rounds against the first: what is only late to be collected is no leak.
  assert.ok(Math.min(...sizes.slice(-4)) < sizes[0]! + GROWTH_BYTES, `bytes after each round: ${sizes}`)
  for (const { resources } of rounds) assert.deepEqual(resources, [])
})
