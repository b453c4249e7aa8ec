/**
 * The package as users get it: what `npm pack` makes, in a project of its own, with the declared dependencies and nothing
 * else; a TypeScript project compiles against it, and every example of docs/client.md prints what it says there.
 */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { type Cluster, startCluster } from './support/cluster.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const run = promisify(execFile)
const LIMIT_MS = 60_000

let project: string
let files: string[]
let cluster: Cluster
before(async () => {
  cluster = await startCluster()
  project = mkdtempSync(join(tmpdir(), 'compasso-package-'))
  files = install(project)
  await cluster.ready
})
after(async () => {
  await cluster?.stop()
  if (project !== undefined) rmSync(project, { recursive: true, force: true })
})

/** What `npm install compasso-<version>.tgz` does, without a network. @returns the files of the package */
function install(folder: string): string[] {
  const pack = ['pack', '--json', '--pack-destination', folder]
  const packed = JSON.parse(execFileSync('npm', pack, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).toString())
  const [{ filename, files }] = packed as [{ filename: string; files: { path: string }[] }]
  const installed = join(folder, 'node_modules', 'compasso')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  link(folder, Object.keys(dependencies))
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  return files.map(({ path }) => path)
}

function link(folder: string, packages: readonly string[]): void {
  for (const name of packages) {
    const path = join(folder, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), path)
  }
}

/** Blocks of code of a language, each with what the text block right behind it says, or null. */
function examples(language: string): { code: string; output: string | null }[] {
  const text = readFileSync(join(root, 'docs', 'client.md'), 'utf8')
  const blocks = text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\`\n(?:\n\`\`\`text\n(.*?)\`\`\`\n)?`, 'gs'))
  return [...blocks].map(([, code, output]) => ({ code: code!, output: output ?? null }))
}

/** The same code for this cluster. */
const here = (code: string): string =>
  code
    .replaceAll('tcp://127.0.0.1:5555', cluster.config.brokerUrls[0]!)
    .replaceAll('tcp://127.0.0.1:5558', cluster.config.proxyOutUrls[0]!)

test('the package has what it needs and nothing else', () => {
  for (const path of ['dist/src/client/client.js', 'dist/src/client/client.d.ts', 'bin/compasso.mjs', 'README.md'])
    assert.ok(files.includes(path), `${path} is missing`)
  const strange = files.filter((path) => !/^(bin|scripts|dist\/src)\/|^[A-Z].*(\.md)?$|^package\.json$/.test(path))
  assert.deepEqual(strange, [])
  const declarations = files.filter((path) => path.endsWith('.d.ts'))
  assert.ok(declarations.length < 30, `${declarations.length} declarations`)
  assert.deepEqual(
    declarations.filter((path) => !/^dist\/src\/(client|protocol|server\/services)\//.test(path)),
    [],
  )
})

test('a TypeScript project compiles against it, its own checks of libraries included', async () => {
  link(project, ['@types/node', 'undici-types'])
  const sources = examples('ts').map(({ code }, i) => ({ name: `example-${i + 1}.ts`, code }))
  assert.ok(sources.length > 0)
  // A declaration that does not resolve would be `any`, and anything would compile.
  const wrong = "import { connect } from 'compasso'\nconnect({ broker: 'x' }).call('login', { user: 7 })\n"
  for (const { name, code } of [...sources, { name: 'wrong.ts', code: wrong }]) writeFileSync(join(project, name), code)
  const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', skipLibCheck: false }
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, types: ['node'] }, include: ['*.ts'] }),
  )
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const compiled = run(process.execPath, [compiler, '-p', project, '--pretty', 'false'], { cwd: project })
  const { stdout } = await compiled.then(
    () => ({ stdout: '' }),
    (error: { stdout: string }) => error,
  )
  assert.match(stdout, /^wrong\.ts\(2,\d+\): error TS2322: Type 'number' is not assignable to type 'string'\.\n$/)
})

test('every example of docs/client.md runs, ends by itself, and prints what it says there', async () => {
  const all = examples('js')
  assert.ok(all.length >= 9, `${all.length} examples`)
  for (const [i, { code, output }] of all.entries()) {
    assert.ok(output !== null, `example ${i + 1} does not say what it prints`)
    const file = join(project, `example-${i + 1}.js`)
    writeFileSync(file, here(code))
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: project, timeout: LIMIT_MS })
    const form = output.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '\\S+')
    assert.match(stdout, new RegExp(`^${form}$`), `example ${i + 1}:\n${code}`)
    assert.equal(stderr, '')
  }
})
