import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eventsRecord, type JournalRecord, readSegment } from '../../../src/core/journal.ts'
import { Journal } from '../../../src/platform/journal.ts'
import { findSegments, segmentPath } from '../../../src/platform/journal-segments.ts'
import type { Origin } from '../../../src/protocol/replica.ts'
import { waitFor } from '../../e2e/support/wait.ts'

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
  const { used, free } = await findSegments(directory)
  const found = { used, free, next: Math.max(0, ...used) + 1 }
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
  const { number: segment } = journal.segment
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
    await journal.forget(journal.segment.number)
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

test('what was acknowledged has something valid behind it, soon and after a close, in another sector', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  await commit(journal, record(1, 1000))
  // From now on in a file that has its blocks.
  await waitFor(() => journal.segment.bytes > 0, 'the journal')
  for (const [index, size] of [1000, 10, 7000, 2500].entries()) {
    await commit(journal, record(index + 2, size))
    const { number } = journal.segment
    const path = segmentPath(directory, number)
    await waitFor(() => readSegment(readFileSync(path), number).commits === index + 2, 'the journal')
    assertProtected(readFileSync(path), number, index + 1)
  }
  await commit(journal, record(6, 200))
  await journal.close()
  const { number } = journal.segment
  assertProtected(readFileSync(segmentPath(directory, number)), number, 5)
  const { used } = await findSegments(directory)
  assert.deepEqual(numbersIn(directory, used), [1, 2, 3, 4, 5, 6])
})

/** Any bit or sector of the last group: its loss is damage, not a torn write. */
function assertProtected(bytes: Buffer, number: number, groups: number): void {
  const whole = readSegment(bytes, number)
  assert.equal(whole.groups, groups)
  assert.equal(whole.corrupt, null)
  const last = endOf(bytes, number, groups)
  const before = groups === 1 ? 0 : endOf(bytes, number, groups - 1)
  for (let at = before; at < last; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 1
    assert.match(readSegment(damaged, number).corrupt ?? 'nothing', /^byte \d+: damaged before commit/, `at ${at}`)
  }
  for (let sector = Math.floor(before / 4096) * 4096; sector < last; sector += 4096) {
    const damaged = Buffer.from(bytes)
    damaged.fill(0, sector, sector + 4096)
    assert.match(readSegment(damaged, number).corrupt ?? 'nothing', /damaged before commit/, `sector ${sector}`)
  }
}

/** Where a group ends. */
function endOf(bytes: Buffer, number: number, group: number): number {
  const line = bytes.indexOf(`{"commit":${group},"segment":${number},`)
  return bytes.indexOf('\n', line) + 1
}

test('a last group that is protected is not protected again', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  await commit(journal, record(1, 100))
  await waitFor(() => journal.segment.bytes > 0, 'the journal')
  await commit(journal, record(2, 100))
  const { number } = journal.segment
  const path = segmentPath(directory, number)
  await waitFor(() => readSegment(readFileSync(path), number).commits === 2, 'the journal')
  const { mtimeNs } = statSync(path, { bigint: true })
  await journal.close()
  assert.equal(statSync(path, { bigint: true }).mtimeNs, mtimeNs)
})

test('a journal whose first segment had no blocks leaves it as soon as it can', async () => {
  const directory = newDirectory()
  const journal = await openJournal(directory)
  await commit(journal, record(1, 100))
  await waitFor(() => journal.segment.number === 2 && journal.segment.bytes > 0, 'the journal')
  const first = readSegment(readFileSync(segmentPath(directory, 1)), 1)
  assert.deepEqual(first.next, journal.segment.number === 2 && { segment: 2, bytes: journal.segment.bytes })
  await journal.close()
})
