import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { PublicFiles } from '../../../src/platform/files.ts'
import { replaceFile, replaceFileSync } from '../../../src/platform/files-atomic.ts'
import { copyLines, type Hint } from '../../../src/platform/files-copy.ts'
import { offsetAfter } from '../../../src/platform/files-lines.ts'
import { queryLines } from '../../../src/platform/files-query.ts'
import { BlockSums, type Readable } from '../../../src/platform/files-sums.ts'
import type { Data } from '../../../src/protocol/envelope.ts'
import type { Query } from '../../../src/protocol/service.ts'

const directory = mkdtempSync(join(tmpdir(), 'compasso-files-'))
const descriptors: number[] = []
after(() => {
  for (const descriptor of descriptors) closeSync(descriptor)
  rmSync(directory, { recursive: true, force: true })
})

type Line = { n: number; text: string; channel: string }

/** Lines of positions 1 … count, dealt to files at random; some of them long. */
function dealLines(count: number, logs: readonly string[]): Map<string, Line[]> {
  const dealt = new Map(logs.map((log): [string, Line[]] => [log, []]))
  for (let n = 1; n <= count; n++) {
    const channel = `c${randomInt(4)}`
    const message = randomInt(200) === 0 ? 'é'.repeat(randomInt(30_000)) : 'x'.repeat(randomInt(60))
    const head = `{"n":${n},"clock":${n * 3},"origin":"server-1@1","seq":${n},"id":"i${n}","time":${n}`
    const text = `${head},"channel":"${channel}","message":"${message} \\"channel\\":\\"c1\\""}\n`
    dealt.get(logs[randomInt(logs.length)]!)!.push({ n, text, channel })
  }
  return dealt
}

function write(name: string, lines: readonly Line[]): Readable {
  const path = join(directory, `${name}.jsonl`)
  writeFileSync(path, lines.map(({ text }) => text).join(''))
  const descriptor = openSync(path, 'r')
  descriptors.push(descriptor)
  const sums = new BlockSums()
  sums.update(readFileSync(path))
  return sums.readable(name, descriptor)
}

test('the place of a position is found wherever it is', async () => {
  const lines = [...dealLines(600, ['a', 'b']).get('a')!]
  const file = write('places', lines)
  for (let n = 0; n <= 601; n++) {
    const before = lines.filter((line) => line.n <= n).map(({ text }) => text)
    assert.equal(await offsetAfter(file, n), Buffer.byteLength(before.join('')))
  }
})

test('copied pieces are exactly the next positions, however they are dealt to files', async () => {
  const logs = ['channels', 'logins', 'publications', 'skipped']
  const dealt = dealLines(3000, logs)
  const files = logs.map((log) => write(`copy-${log}`, dealt.get(log)!))
  const byPosition = new Map([...dealt].flatMap(([log, lines]) => lines.map((line) => [line.n, { log, ...line }])))
  for (const maxBytes of [1, 5000, 200_000, 10 << 20]) {
    let hint: Hint | null = null
    let from = maxBytes === 1 ? 2900 : 0
    while (from < 2990) {
      const copied = await copyLines(files, from, 2990, maxBytes, randomInt(3) === 0 ? null : hint)
      hint = copied.hint
      assert.ok(copied.to > from && copied.to <= 2990)
      for (const [log, bytes] of copied.files) {
        let expected = ''
        for (let n = from + 1; n <= copied.to; n++) {
          const line = byPosition.get(n) as { log: string; text: string }
          if (`copy-${line.log}` === log) expected += line.text
        }
        assert.equal(Buffer.from(bytes).toString(), expected)
      }
      const bytes = copied.files.reduce((sum, [, lines]) => sum + lines.length, 0)
      assert.ok(copied.to === from + 1 || bytes <= maxBytes)
      from = copied.to
    }
  }
  const behindAll = await copyLines(files, 3000, 4000, 1000, null)
  assert.deepEqual([behindAll.to, behindAll.files], [3000, []])
})

test('history pages are what a filter over all lines gives', async () => {
  const lines = dealLines(2500, ['a']).get('a')!
  const file = write('query', lines)
  const ask = (query: Partial<Query>, upTo = 2400) => queryLines(file, { ...BASE, ...query }, upTo)
  const matching = lines.filter(({ n, channel }) => n <= 2400 && channel === 'c1').map(({ n }) => n)
  const numbers = (items: Data[]): unknown[] => items.map(({ n }) => n)

  let collected: unknown[] = []
  let before: number | null = null
  do {
    const page = await ask({ before, limit: 37 })
    assert.ok(page.items.length <= 37)
    collected = [...numbers(page.items), ...collected]
    before = page.next
  } while (before !== null)
  assert.deepEqual(collected, matching)

  collected = []
  let after: number | null = 0
  do {
    const page = await ask({ after, limit: 41 })
    collected.push(...numbers(page.items))
    after = page.next
  } while (after !== null)
  assert.deepEqual(collected, matching)

  const middle = await ask({ after: 1000, before: 1200, limit: 1000 })
  assert.deepEqual(
    numbers(middle.items),
    matching.filter((n) => n > 1000 && n < 1200),
  )
  const both = await ask({ anyOf: [{ channel: 'c1' }, { channel: 'c2' }], limit: 1000, after: 1500 })
  assert.deepEqual(
    numbers(both.items),
    lines.filter(({ n, channel }) => n > 1500 && n <= 2400 && /c[12]/.test(channel)).map(({ n }) => n),
  )
  const [item] = (await ask({ limit: 1 })).items
  assert.deepEqual(Object.keys(item!), ['n', 'clock', 'origin', 'seq', 'id', 'timestamp', 'channel', 'message'])
  assert.deepEqual(await ask({ anyOf: [{ channel: 'nobody' }] }), { items: [], next: null })
  assert.deepEqual(await queryLines(null, BASE, 10), { items: [], next: null })
})

const BASE: Query = { log: 'query', anyOf: [{ channel: 'c1' }], limit: 50, before: null, after: null }

test('a page of long lines fits into a reply', async () => {
  const text = 'y'.repeat(60_000)
  const lines = Array.from({ length: 100 }, (_, i): Line => {
    const head = `{"n":${i + 1},"clock":1,"origin":"server-1@1","seq":1,"id":"i","time":1`
    return { n: i + 1, channel: 'c1', text: `${head},"channel":"c1","message":"${text}"}\n` }
  })
  const file = write('long', lines)
  const page = await queryLines(file, { ...BASE, limit: 1000 }, 100)
  assert.ok(page.items.length >= 1 && page.items.length < 10)
  assert.equal(page.next, 101 - page.items.length)
})

test('a public file knows its length and digest at any moment', async () => {
  const folder = mkdtempSync(join(directory, 'public-'))
  const files = new PublicFiles({
    directory: folder,
    onFailure: (error) => assert.fail(error),
    onFull: () => assert.fail('full'),
  })
  files.append('messages', Buffer.from('one\n'))
  files.append('publications', Buffer.from('two\n'))
  const early = files.mark()
  files.append('messages', Buffer.from('three\n'))
  await early.sync()
  const late = files.mark()
  await late.sync()
  files.close()
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
  assert.deepEqual(early.files, {
    messages: { bytes: 4, sha256: digest('one\n') },
    publications: { bytes: 4, sha256: digest('two\n') },
  })
  assert.deepEqual(late.files.messages, { bytes: 10, sha256: digest('one\nthree\n') })
  assert.equal(readFileSync(join(folder, 'messages.jsonl'), 'utf8'), 'one\nthree\n')
})

test('a file is replaced as a whole', async () => {
  const path = join(directory, 'replaced.json')
  replaceFileSync(path, 'first')
  await replaceFile(path, 'second')
  assert.equal(readFileSync(path, 'utf8'), 'second')
})
