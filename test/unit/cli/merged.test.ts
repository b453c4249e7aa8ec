/** All public files as one stream in the order of positions. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { longestFiles, mergedEvents } from '../../../src/cli/merged.ts'

const root = mkdtempSync(join(tmpdir(), 'compasso-merged-'))
after(() => rmSync(root, { recursive: true, force: true }))

let count = 0
function dataWith(files: Record<string, string>): string {
  const data = join(root, String(++count))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(data, path)), { recursive: true })
    writeFileSync(join(data, path), content)
  }
  return data
}
const line = (n: number, more: Record<string, unknown> = {}): string => `${JSON.stringify({ n, ...more })}\n`

async function merge(data: string): Promise<[number, string][]> {
  const files = await longestFiles(data)
  let bytes = 0
  const events: [number, string][] = []
  for await (const { n, log } of mergedEvents(files, (more) => {
    bytes += more
  }))
    events.push([n, log])
  assert.ok(bytes <= files.reduce((sum, file) => sum + file.bytes, 0))
  return events
}

test('files come together by position, each from the server that has most of it', async () => {
  const data = dataWith({
    'server-1/logins.jsonl': line(1) + line(4),
    'server-1/publications.jsonl': line(2),
    'server-2/logins.jsonl': line(1),
    'server-2/publications.jsonl': line(2) + line(3) + line(5),
    'server-2/journal-1.jsonl': 'not public',
    'ref/x.jsonl': line(6),
  })
  assert.deepEqual(await merge(data), [
    [1, 'logins'],
    [2, 'publications'],
    [3, 'publications'],
    [4, 'logins'],
    [5, 'publications'],
  ])
})

test('it ends before the first position that is not there yet', async () => {
  const data = dataWith({ 'server-1/a.jsonl': line(1) + line(2) + line(4), 'server-1/b.jsonl': '' })
  assert.deepEqual(await merge(data), [
    [1, 'a'],
    [2, 'a'],
  ])
})

test('a last line that is half written is not there yet, a damaged one before is an error', async () => {
  const half = dataWith({ 'server-1/a.jsonl': `${line(1)}{"n":2,"te` })
  assert.deepEqual(await merge(half), [[1, 'a']])
  const damaged = dataWith({ 'server-1/a.jsonl': `${line(1)}{"n":2,"te\n${line(3)}` })
  await assert.rejects(merge(damaged), /a\.jsonl is damaged at line 2 — npx compasso verify/)
})

test('events without effect count as positions and are left out', async () => {
  const data = dataWith({
    'server-1/a.jsonl': line(1) + line(3),
    'server-1/skipped.jsonl': line(2, { log: 'a', skipped: 'repeat' }),
  })
  assert.deepEqual(await merge(data), [
    [1, 'a'],
    [3, 'a'],
  ])
})

test('nothing there is nothing', async () => assert.deepEqual(await merge(join(root, 'nowhere')), []))
