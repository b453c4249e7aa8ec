/**
 * Makes a checkout runnable: dependencies as package-lock.json says, dist/ as the sources say. Does only what is
 * needed, so everything that runs goes through it first. Where there are no sources (the published package, the
 * Docker image) there is nothing to do.
 *
 * Plain Node without dependencies: it runs before any are there.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withSetupLock } from './setup-lock.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const OLDEST_NODE = [20, 15]
const SOURCES = ['src', 'sim', 'test', 'bench', 'chaos']
const modulesStamp = join(root, 'node_modules', '.compasso-stamp')
const distStamp = join(root, 'dist', '.stamp')

/** What cannot be repaired here; the message is for a person. */
class SetupError extends Error {}

/** Installs and compiles what is missing or old. Ends the process with one clear line when it cannot. */
export async function setup() {
  try {
    checkNode()
    if (!isCheckout() || isDone()) return
    await withSetupLock(root, (text) => say(text), bringUpToDate)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(error.message)
    process.exit(1)
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
    throw new SetupError(`Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}`)
}

const isCheckout = () => existsSync(join(root, 'tsconfig.json')) && existsSync(join(root, 'src'))
const isDone = () => read(modulesStamp) === modulesKey() && read(distStamp) === distKey()

function bringUpToDate() {
  if (read(modulesStamp) !== modulesKey()) {
    if (!isInstalled()) install()
    linkCommand()
    writeFileSync(modulesStamp, modulesKey())
  }
  const key = distKey()
  if (read(distStamp) === key) return
  compile()
  removeOrphans()
  writeFileSync(distStamp, key)
}

/** What node_modules must be made from. Some packages are binaries, so the platform counts. */
function modulesKey() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}`
}

/** What dist/ must be made from: every source with its size and time, and the compiler with its options. */
function distKey() {
  const hash = createHash('sha256').update(modulesKey())
  const files = [join(root, 'tsconfig.json'), ...SOURCES.flatMap((folder) => filesBelow(join(root, folder), '.ts'))]
  for (const path of files) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/** Whether somebody has already installed exactly what the lock file says (npm keeps its own record). */
function isInstalled() {
  const record = read(join(root, 'node_modules', '.package-lock.json'))
  if (record === null) return false
  const there = JSON.parse(record).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true
    return there[path] === undefined ? optional === true : there[path].version === version
  })
}

function install() {
  say('installing dependencies (npm ci)')
  // Under `npm start` this is the npm that runs; no dependency needs its install script.
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const [command, ...first] = npm
  const done = spawnSync(command, [...first, 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (done.error?.code === 'ENOENT') throw new SetupError('npm was not found; it comes with Node')
  if (done.status === 0) return
  // What went wrong comes first; a list of npm's options may follow it.
  process.stderr.write(`${done.stderr.split('\n').slice(0, 15).join('\n')}\n`)
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET/.test(done.stderr)
  const why = offline ? 'npm could not reach its registry; is there a network?' : 'what npm said is above'
  throw new SetupError(`dependencies could not be installed: ${why}`)
}

/** `npx compasso` looks for the command here; npm links those of dependencies only. */
function linkCommand() {
  const link = join(root, 'node_modules', '.bin', 'compasso')
  if (process.platform === 'win32' || existsSync(link)) return
  mkdirSync(dirname(link), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync(relative(dirname(link), join(root, 'bin', 'compasso.mjs')), link)
}

function compile() {
  say('compiling (tsc)')
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const done = spawnSync(process.execPath, [compiler, '-p', root], { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.status !== 0) throw new SetupError('the sources do not compile; what tsc said is above')
}

/** Removes from dist/ what no source makes any more: a test that was deleted must not run. */
function removeOrphans() {
  const dist = join(root, 'dist')
  for (const path of [...filesBelow(dist, '.js'), ...filesBelow(dist, '.js.map')]) {
    const source = join(root, relative(dist, path)).replace(/\.js(\.map)?$/, '.ts')
    if (!existsSync(source)) rmSync(path, { force: true })
  }
}

/** All files below a folder whose name ends so, sorted; none when it is missing. */
export function filesBelow(folder, ending) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return filesBelow(path, ending)
      return entry.name.endsWith(ending) ? [path] : []
    })
    .sort()
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function say(text) {
  process.stderr.write(`compasso: ${text}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup()
