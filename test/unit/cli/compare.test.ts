import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { compareServers, serversIn } from '../../../src/cli/compare.ts'

const root = mkdtempSync(join(tmpdir(), 'compasso-compare-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** A data directory with these files. */
function dataWith(name: string, files: Record<string, string | Buffer>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name, path)), { recursive: true })
    writeFileSync(join(root, name, path), content)
  }
  return join(root, name)
}

async function compare(data: string) {
  const logs = await compareServers(data, await serversIn(data))
  return Object.fromEntries(logs.map(({ file, servers }) => [file, servers]))
}

test('servers come by rank, nothing else is one, and a missing directory has none', async () => {
  const data = dataWith('ranks', {
    'server-10/a': '',
    'server-2/a': '',
    'server-x/a': '',
    'server-01/a': '',
    'ref/a': '',
  })
  assert.deepEqual(await serversIn(data), ['server-2', 'server-10'])
  assert.deepEqual(await serversIn(join(root, 'missing')), [])
})

test('identical, behind, missing and incomplete files', async () => {
  const data = dataWith('prefixes', {
    'server-1/p.jsonl': 'one\ntwo\nthree\n',
    'server-2/p.jsonl': 'one\ntwo\nthree\n',
    'server-3/p.jsonl': 'one\ntw',
    'server-4/other': '',
    'server-1/journal-000001.jsonl': 'not public',
    'server-1/registry.json': '{}',
  })
  const reports = await compare(data)
  assert.deepEqual(Object.keys(reports), ['p.jsonl'])
  const [first, second, third, fourth] = reports['p.jsonl']!
  const sha256 = createHash('sha256').update('one\ntwo\nthree\n').digest('hex')
  const whole = { bytes: 14, lines: 3, sha256, result: 'identical', linesBehind: 0, differsAt: null }
  assert.deepEqual(first, { server: 'server-1', ...whole })
  assert.deepEqual(second, { server: 'server-2', ...whole })
  assert.equal(third!.sha256, createHash('sha256').update('one\ntw').digest('hex'))
  assert.deepEqual([third!.result, third!.lines, third!.linesBehind], ['prefix', 1, 2])
  assert.deepEqual([fourth!.result, fourth!.bytes, fourth!.linesBehind], ['prefix', null, 3])
})

test('the first byte that differs is where cmp says, also far behind the first piece read', async () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`)
  const long = Buffer.from(lines.join(''))
  const other = Buffer.from(long.subarray(0, long.length - 100))
  const at = other.indexOf('line 70000\n') + 3
  other[at] = 0
  const data = dataWith('differs', { 'server-1/p.jsonl': other, 'server-2/p.jsonl': long })
  const [first, second] = (await compare(data))['p.jsonl']!
  assert.equal(first!.result, 'differs')
  assert.deepEqual(first!.differsAt, { byte: at + 1, line: 70_001 })
  assert.equal(first!.sha256, createHash('sha256').update(other).digest('hex'))
  assert.equal(second!.result, 'identical')
  assert.equal(second!.lines, 100_000)
})
