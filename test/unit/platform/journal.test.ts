import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eventsRecord, type JournalRecord, readSegment } from '../../../src/core/journal.ts'
import { Journal } from '../../../src/platform/journal.ts'
import { findSegments, segmentPath } from '../../../src/platform/journal-segments.ts'
import type { Origin } from '../../../src/protocol/replica.ts'

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'compasso-journal-'))
  directories.push(directory)
  return directory
}

async function openJournal(directory: string): Promise<Journal> {
  const found = await findSegments(directory)
  const onFailure = (error: Error): never => assert.fail(error)
  return new Journal({ directory, found, onFailure, onFull: () => assert.fail('full') })
}

/** A record that says which one it is by its `from`, with a line of some size. */
const record = (number: number, bytes: number): Uint8Array[] =>
  eventsRecord('server-1@1' as Origin, number, [['publications', 1]], Buffer.from(`${'x'.repeat(bytes - 1)}\n`))

const commit = (journal: Journal, pieces: Uint8Array[]): Promise<'now' | 'later'> =>
  new Promise((resolve) => {
    if (journal.append(pieces, () => resolve('later'))) resolve('now')
  })

function numbersIn(directory: string, segments: readonly number[]): number[] {
  return segments.flatMap((number) => {
    const segment = readSegment(readFileSync(segmentPath(directory, number)), number)
    assert.equal(segment.corrupt, null)
    return segment.records.map((one) => (one as Extract<JournalRecord, { type: 'events' }>).from)
  })
}

test('groups are read back in order, small ones written at once and large ones by a thread', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  const sizes = [10, 100_000, 20, 3_000_000, 30, 40_000, 12_000_000, 9_000_000, 50, 20_000_000, 60]
  for (const [index, size] of sizes.entries()) {
    assert.equal(await commit(journal, record(index + 1, size)), size < 32_000 ? 'now' : 'later')
  }
  await journal.close()
  const { used } = await findSegments(directory)
  assert.ok(used.length >= 3, `${used.length} segments`)
  assert.deepEqual(
    numbersIn(directory, used),
    sizes.map((_, index) => index + 1),
  )
})

test('a rotated journal begins with what is carried, and what came before can be forgotten', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  await commit(journal, record(1, 100))
  // A large group may be under way in the old segment when the checkpoint comes.
  const before = commit(journal, record(2, 5_000_000))
  const rotated = journal.rotate(record(100, 200_000))
  const behind = commit(journal, record(3, 100))
  const { segment } = journal
  assert.deepEqual(await Promise.all([before, rotated, behind]), ['later', undefined, 'later'])
  await journal.forget(segment)
  await commit(journal, record(4, 100))
  await journal.close()
  const { used } = await findSegments(directory)
  // The last group may be in a segment of its own: one that was not prepared is left as soon as a prepared one exists.
  assert.equal(used[0], segment)
  assert.deepEqual(numbersIn(directory, used), [100, 3, 4])
})

test('a file that is used again never brings back its old groups', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  for (let round = 1; round <= 12; round++) {
    for (let i = 0; i < 5; i++) await commit(journal, record(round * 10 + i, 4_000_000))
    await journal.rotate([])
    await journal.forget(journal.segment)
  }
  await commit(journal, record(999, 100))
  await journal.close()
  const { used, free } = await findSegments(directory)
  assert.ok(free.length >= 1 && free.length <= 4, `${free.length} free files`)
  assert.equal(readdirSync(directory).length, used.length + free.length)
  assert.deepEqual(numbersIn(directory, used), [999])
})

test('a restart begins a segment of its own and keeps the older ones until they are forgotten', async () => {
  const directory = newDirectory()
  for (let life = 1; life <= 4; life++) {
    const journal = await openJournal(directory)
    await commit(journal, record(life, 500))
    await journal.close()
  }
  const { used } = await findSegments(directory)
  assert.deepEqual(numbersIn(directory, used), [1, 2, 3, 4])
})

test('a torn tail is no damage, damage before a later group is', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  for (let i = 1; i <= 4; i++) await commit(journal, record(i, 1000))
  const { segment } = journal
  await journal.close()
  const bytes = readFileSync(segmentPath(directory, segment))
  const whole = readSegment(bytes, segment)
  const torn = Buffer.from(bytes)
  torn.fill(0, whole.end - 500, whole.end)
  assert.equal(readSegment(torn, segment).corrupt, null)
  assert.equal(readSegment(torn, segment).records.length, 3)
  const damaged = Buffer.from(bytes)
  damaged[200]! ^= 1
  writeFileSync(segmentPath(directory, segment), damaged)
  assert.match(readSegment(damaged, segment).corrupt ?? '', /byte 0/)
})
