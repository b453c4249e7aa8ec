/** Who may import whom, as the architecture says; a wrong direction fails here before it becomes a habit. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

// Compiled, this file is dist/test/unit/imports.test.js.
const root = resolve(import.meta.dirname, import.meta.url.endsWith('.ts') ? '../..' : '../../..')
const IMPORT = /(?:^|[;\n])\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g

/** What each folder may import besides itself; `node:` and packages are named where they are limited. */
const MAY: Readonly<Record<string, { folders: readonly string[]; packages: 'any' | readonly string[] }>> = {
  'src/protocol': { folders: [], packages: ['@msgpack/msgpack', 'msgpackr'] },
  'src/core': { folders: ['src/protocol'], packages: ['node:zlib'] },
  'src/platform': { folders: ['src/core', 'src/protocol'], packages: 'any' },
  'src/broker': { folders: ['src/platform', 'src/core', 'src/protocol'], packages: 'any' },
  'src/proxy': { folders: ['src/platform', 'src/core', 'src/protocol'], packages: 'any' },
  'src/ref': { folders: ['src/platform', 'src/core', 'src/protocol'], packages: 'any' },
  'src/server': { folders: ['src/platform', 'src/core', 'src/protocol', 'src/server/services'], packages: 'any' },
  'src/client': { folders: ['src/platform', 'src/core', 'src/protocol'], packages: 'any' },
  // The services are pure: what they take and answer, and their schemas.
  'src/console': {
    folders: ['src/platform', 'src/core', 'src/protocol', 'src/client', 'src/server/services'],
    packages: 'any',
  },
  'src/cluster': { folders: ['src/platform', 'src/core', 'src/protocol', 'src/client'], packages: 'any' },
  // The services (pure, no I/O) tell the command line their fields and what they take, before anything is sent.
  'src/cli': {
    folders: ['src/cluster', 'src/platform', 'src/core', 'src/protocol', 'src/client', 'src/server/services'],
    packages: 'any',
  },
  // The broker's rules (broker/traffic.ts) take time and sockets as arguments, as the core does.
  sim: { folders: ['src/core', 'src/protocol', 'src/server/services', 'src/broker'], packages: 'any' },
}
/** Things that make code depend on when and where it runs; the core gets all of them as arguments. */
const IMPURE =
  /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.|process\.|setTimeout|setInterval|setImmediate|async |await )/

const files = ['src', 'sim'].flatMap((folder) => sourcesBelow(join(root, folder))).map((path) => relative(root, path))

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return sourcesBelow(path)
      return entry.name.endsWith('.ts') ? [path] : []
    })
    .sort()
}

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const importsOf = (file: string): string[] => [...textOf(file).matchAll(IMPORT)].map((match) => (match[1] ?? match[2])!)
/** Types cost nothing at run time: those of the services may be imported by clients and what is built on them. */
const typesOf = (file: string): string[] =>
  [...textOf(file).matchAll(/(?:^|\n)import type [^'"`;]*? from '([^']+)'/g)].map((match) => match[1]!)
const TYPES_MAY: Readonly<Record<string, string>> = {
  'src/client': 'src/server/services',
}
const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

/** A folder of services depends on the protocol, itself, and what all services share, not on another one. */
function unitOf(file: string): string {
  const service = /^src\/server\/services\/[^/]+(?=\/)/.exec(file)
  if (service !== null) return service[0]
  if (isBelow(file, 'src/server/services')) return 'src/server/services'
  return isBelow(file, 'sim') ? 'sim' : file.split('/').slice(0, 2).join('/')
}

function mayImport(unit: string): { folders: readonly string[]; packages: 'any' | readonly string[] } {
  // The services' own folder only gathers them.
  if (isBelow(unit, 'src/server/services')) return { folders: ['src/protocol'], packages: 'any' }
  const rule = MAY[unit]
  assert.ok(rule, `${unit} is not in the table of who may import whom`)
  return rule
}

test('there is something to check', () => {
  assert.ok(files.length > 30)
  assert.ok(files.flatMap(importsOf).length > 100)
})

test('nobody imports what is above or beside them', () => {
  const wrong: string[] = []
  for (const file of files) {
    const unit = unitOf(file)
    const { folders, packages } = mayImport(unit)
    const types = new Set(typesOf(file))
    for (const name of importsOf(file)) {
      if (name.startsWith('.')) {
        const target = join(dirname(file), name)
        const typesFrom = TYPES_MAY[unit]
        if (typesFrom !== undefined && types.has(name) && isBelow(target, typesFrom)) continue
        const shared = isBelow(unit, 'src/server/services') && dirname(target) === 'src/server/services'
        if (!shared && ![unit, ...folders].some((folder) => isBelow(target, folder)))
          wrong.push(`${file} imports ${target}`)
      } else if (packages !== 'any' && !packages.includes(name)) wrong.push(`${file} imports ${name}`)
      else if (isBelow(unit, 'src/server/services') && name.startsWith('node:')) wrong.push(`${file} imports ${name}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('relative imports name the source file', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith('.') && !name.endsWith('.ts'))
      .map((name) => `${file} imports ${name}`),
  )
  assert.deepEqual(wrong, [])
})

test('sockets are made in one place', () => {
  const wrong = files.filter((file) => importsOf(file).includes('zeromq') && !file.startsWith('src/platform/socket'))
  const typesOnly = (file: string): boolean => /import type [^\n]* from 'zeromq'/.test(textOf(file))
  assert.deepEqual(
    wrong.filter((file) => !typesOnly(file)),
    [],
  )
})

test('the core has no clock, no chance, no promises and no environment', () => {
  const wrong = files
    .filter((file) => isBelow(file, 'src/core'))
    .flatMap((file) => {
      const code = textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      const match = IMPURE.exec(code)
      return match === null ? [] : [`${file}: ${match[0]}`]
    })
  assert.deepEqual(wrong, [])
})
