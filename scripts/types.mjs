/**
 * Writes the declarations of what the package exports into dist/, and of nothing else: the client's, and those that they
 * refer to. Part of `npm pack`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { filesBelow, root } from './setup.mjs'

const ENTRY = 'src/client/client.d.ts'
/** A relative module in `from '…'` or `import('…')`. */
const RELATIVE = /(\bfrom\s*|\bimport\(\s*)(['"])(\.[^'"]+)\.ts\2/g

const dist = join(root, 'dist')
const made = mkdtempSync(join(dist, '.types-'))
try {
  declare(made)
  for (const old of filesBelow(join(dist, 'src'), '.d.ts')) rmSync(old)
  copy(join(made, ENTRY), new Set())
} finally {
  rmSync(made, { recursive: true, force: true })
}

/** Has the compiler declare the entry and everything that it imports, whether its types matter or not. */
function declare(folder) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const project = join(folder, 'tsconfig.json')
  const compilerOptions = {
    declaration: true,
    emitDeclarationOnly: true,
    sourceMap: false,
    rootDir: root,
    outDir: folder,
  }
  const files = [join(root, ENTRY.replace('.d.ts', '.ts'))]
  writeFileSync(project, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }))
  const done = spawnSync(process.execPath, [compiler, '-p', project], { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.status !== 0) process.exit(1)
}

/** Copies a declaration and those that it refers to, with the names that every version of TypeScript resolves. */
function copy(path, seen) {
  if (seen.has(path)) return
  seen.add(path)
  const text = readFileSync(path, 'utf8')
  const target = join(dist, relative(made, path))
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, text.replace(RELATIVE, '$1$2$3.js$2'))
  for (const [, , , module] of text.matchAll(RELATIVE)) copy(join(dirname(path), `${module}.d.ts`), seen)
}
