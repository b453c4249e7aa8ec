/** The compiler, run on calls as users write them: right ones compile, and each wrong one is refused in its own line. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..', '..', '..', '..')

const RIGHT = [
  "await client.call('login', { user: 'ana' })",
  "await client.call('publish', { user: 'ana', channel: 'samba', message: 'oi' }, { id: 'mine', deadlineMs: 100 })",
  "await client.call('message', { src: 'ana', dst: 'rui', message: 'oi' }, { signal: AbortSignal.timeout(5) })",
  "await client.call('message', { from: 'ana', to: 'rui', message: 'oi' })",
  "const names: readonly string[] = (await client.call('users', {})).users",
  "const { timestamp, clock, stale } = await client.call('channels', {}); takesNumber(timestamp + clock); void stale",
  "const { items, next } = await client.call('history', { channel: 'samba', after: 0 }); takesNumber(items[0]!.n); void next",
  "takesNumber((await client.call('history', { user: 'ana', with: 'rui', limit: 10 })).items[0]!.timestamp)",
  // One that is not known here is somebody's own.
  "const { result } = await client.call('double', { value: 7 }); void result",
  "const anything: Record<string, unknown> = await client.call('us' + 'ers', { any: 'map' }); void anything",
  "for await (const { n, user, message } of client.subscribe('samba', { from: 'last' })) takesNumber(n), takesText(user + message)",
  "for await (const { n, src, dst } of client.subscribe({ user: 'ana' }, { from: 3, signal })) takesNumber(n), takesText(src + dst)",
  "for await (const { src, message } of client.subscribe({ user: 'ana' }, { signal })) takesText(src + message)",
  "for await (const map of client.subscribe('samba')) void map.whatever",
  'takesNumber(client.clock); await client.close(100)',
  "connect({ broker: ['tcp://a:1', 'tcp://b:1'], proxy: 'tcp://a:2', log: console })",
  'try { } catch (error) { if (error instanceof CallError) { takesText(error.code + error.description); void error.retriable } }',
]
const WRONG = [
  "await client.call('login', {})",
  "await client.call('login')",
  "await client.call('login', { user: 7 })",
  "await client.call('login', { user: 'ana', channel: 'samba' })",
  "await client.call('publish', { user: 'ana', channel: 'samba', text: 'oi' })",
  "await client.call('publish', { user: 'ana', channel: ['samba'], message: 'oi' })",
  "await client.call('message', { src: 'ana', message: 'oi' })",
  "await client.call('users', { since: 1 })",
  "await client.call('history', { channel: 'samba', limit: '10' })",
  "await client.call('double', 7)",
  "await client.call('login', { user: 'ana' }, { deadline: 100 })",
  "await client.call('login', { user: 'ana' }, { signal: new AbortController() })",
  "void (await client.call('login', { user: 'ana' })).user",
  "void (await client.call('users', {})).channels",
  "const wrong: string = (await client.call('users', {})).users; void wrong",
  "takesNumber((await client.call('history', { channel: 'samba' })).next)",
  "for await (const { channel } of client.subscribe({ user: 'ana' }, { from: 0 })) void channel",
  "for await (const { n } of client.subscribe({ user: 'ana' })) void n",
  "for await (const { text } of client.subscribe('samba', { from: 0 })) void text",
  "client.subscribe('samba', { from: 'first' })",
  "client.subscribe({ channel: 'samba' }, { from: 0 })",
  "connect({ proxy: 'tcp://127.0.0.1:5558' })",
  'client.clock = 7',
]
const HEAD = `
declare const signal: AbortSignal
declare function takesNumber(value: number): void
declare function takesText(value: string): void
const client = connect({ broker: 'tcp://127.0.0.1:5555' })
`

test('wrong calls do not compile, right ones do', () => {
  const folder = mkdtempSync(join(tmpdir(), 'compasso-types-'))
  try {
    const head = `import { CallError, connect } from ${JSON.stringify(join(root, 'src/client/client.ts'))}${HEAD}`
    const snippets = [...RIGHT, ...WRONG]
    writeFileSync(join(folder, 'snippets.ts'), `${head}${snippets.map((code) => `{ ${code} }\n`).join('')}`)
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          ...{ noEmit: true, rewriteRelativeImportExtensions: false, allowImportingTsExtensions: true },
          ...{ noUnusedLocals: false, rootDir: '/', typeRoots: [join(root, 'node_modules/@types')] },
        },
        files: ['snippets.ts'],
        include: [],
      }),
    )
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const done = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], { encoding: 'utf8' })
    const errors = [...done.stdout.matchAll(/^(\S+?)\((\d+),\d+\): error (TS\d+: .*)$/gm)]
    const first = head.split('\n').length
    const elsewhere = errors.filter(([, file, line]) => !file!.endsWith('snippets.ts') || Number(line) < first)
    assert.deepEqual(
      elsewhere.map(([text]) => text),
      [],
      done.stdout + done.stderr,
    )
    const refused = new Set(errors.map(([, , line]) => snippets[Number(line) - first]))
    assert.deepEqual(
      RIGHT.filter((code) => refused.has(code)),
      [],
      `right ones are refused:\n${done.stdout}`,
    )
    assert.deepEqual(
      WRONG.filter((code) => !refused.has(code)),
      [],
      'wrong ones compile',
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
