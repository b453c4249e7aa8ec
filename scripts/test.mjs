/**
 * Runs test suites, all under one runner:
 *   node scripts/test.mjs unit sim e2e          suites: unit, sim, e2e, docker
 *   node scripts/test.mjs e2e start             only files whose path contains "start"
 *   node scripts/test.mjs unit --test-name-pattern=seal     what begins with -- goes to `node --test`
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { filesBelow, root, setup } from './setup.mjs'

/** Files at a time: processes under test need a core each, containers share one engine. */
const AT_ONCE = { unit: availableParallelism(), sim: availableParallelism(), e2e: 2, docker: 1 }
const MINUTE_MS = 60_000
/** No file takes longer than this unless it hangs. */
const LIMIT_MS = { unit: 5 * MINUTE_MS, sim: 10 * MINUTE_MS, e2e: 10 * MINUTE_MS, docker: 20 * MINUTE_MS }

await setup()
const given = process.argv.slice(2)
const suites = given.filter((word) => word in AT_ONCE)
const options = given.filter((word) => word.startsWith('--'))
const filters = given.filter((word) => !suites.includes(word) && !options.includes(word))
if (suites.length === 0) stop(`name at least one suite: ${Object.keys(AT_ONCE).join(', ')}`)

const files = suites.flatMap(testFiles)
if (files.length === 0) stop(`no test file matches ${filters.join(' ')}`)
const lintFailed = suites.includes('unit') && filters.length === 0 && !lint()
const status = run(files)
if (lintFailed) stop('lint failed; what biome said is at the top')
process.exit(status)

function testFiles(suite) {
  const all = filesBelow(join(root, 'dist', 'test', suite), '.test.js')
  if (all.length === 0) stop(`suite ${suite} has no test files`)
  return all.filter((path) => filters.every((filter) => relative(root, path).includes(filter)))
}

function lint() {
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  const done = spawnSync(process.execPath, [biome, 'check', '.'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return done.status === 0
}

function run(files) {
  const atOnce = Math.min(...suites.map((suite) => AT_ONCE[suite]))
  const limit = Math.max(...suites.map((suite) => LIMIT_MS[suite]))
  const runner = ['--test', '--test-reporter=spec', `--test-concurrency=${atOnce}`, `--test-timeout=${limit}`]
  const done = spawnSync(process.execPath, [...runner, ...options, ...files], { cwd: root, stdio: 'inherit' })
  return done.status ?? 1
}

function stop(text) {
  process.stderr.write(`compasso: ${text}\n`)
  process.exit(1)
}
