/**
 * Runs a compiled program of this checkout, after making sure that it is up to date:
 *   node scripts/run.mjs sim/main.js --seeds 100
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, setup } from './setup.mjs'

await setup()
const program = join(root, 'dist', process.argv[2] ?? '')
if (process.argv[2] === undefined || !existsSync(program)) {
  process.stderr.write(`compasso: there is no ${program}\n`)
  process.exit(1)
}
// The program finds its arguments where it would if it had been started itself.
process.argv.splice(1, 2, program)
await import(pathToFileURL(program).href)
