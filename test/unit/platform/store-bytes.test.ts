/**
 * Every byte of a server's directory, flipped, and every file cut at every byte: what is loaded is what was written, or
 * damage is reported with file and place. Never anything else.
 */
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readSegment } from '../../../src/core/journal.ts'
import { WINDOW_POSITIONS } from '../../../src/core/window.ts'
import { closeFiles } from '../../../src/platform/files-check.ts'
import { readJournal } from '../../../src/platform/journal-load.ts'
import { readSaved, sha256Of } from '../../../src/platform/store-format.ts'
import { type Loaded, loadDirectory } from '../../../src/platform/store-load.ts'
import { createApplication } from '../../../src/server/services/index.ts'
import { copyOf, fill, newDirectory, open, removeDirectories, start, textOf } from './store-harness.ts'

after(removeDirectories)

const OPTIONS = { segmentBytes: 4096, checkpointBytes: 1 << 20 }
const app = createApplication()
/** Closed cleanly, and as a kill left it. */
let directory: string
let killed: string

/** A checkpoint, and behind it a journal of several segments and lives with every kind of record. */
before(async () => {
  directory = newDirectory()
  const first = await start(directory, OPTIONS)
  await fill(first, 3)
  await first.close()
  const second = await start(directory, OPTIONS)
  await fill(second, 16)
  await second.close()
  const donor = await start(copyOf(directory), OPTIONS)
  await fill(donor, 2)
  const third = await open(directory, OPTIONS)
  await third.copyFrom(donor)
  await donor.close()
  killed = copyOf(directory)
  await third.close()
  // As after a power cut: what was not fsynced of a public file is gone, its events are in the journal only.
  const path = join(directory, 'publications.jsonl')
  truncateSync(path, savedIn(directory).files.publications!.bytes + 300)
  const { records } = await readJournal(directory, savedIn(directory).journal)
  assert.deepEqual([...new Set(records.map(({ type }) => type))].sort(), ['copied', 'events', 'installed', 'known'])
  const { segments } = filesOf(directory)
  assert.ok(segments.length >= 3, `${segments.length} segments`)
})

const savedIn = (of: string) => readSaved(textOf(of, 'server.json'), of)

function filesOf(of: string): { segments: number[]; logs: string[] } {
  const names = readdirSync(of)
  const { journal } = savedIn(of)
  const segments = names.flatMap((name) => /^journal-(\d+)\.jsonl$/.exec(name)?.[1] ?? []).map(Number)
  return {
    segments: segments.filter((number) => number >= journal[0]!.segment).sort((a, b) => a - b),
    logs: names.flatMap((name) => /^([a-z]+)\.jsonl$/.exec(name)?.[1] ?? []),
  }
}

type Case = { what: string; at: number }

/** Tries all cases on a file, which is as it was afterwards. */
async function each(path: string, places: Iterable<number>, check: (one: Case) => Promise<void>): Promise<number> {
  const bytes = readFileSync(path)
  const file = openSync(path, 'r+')
  const restore = (): void => {
    writeSync(file, bytes, 0, bytes.length, 0)
  }
  let cases = 0
  try {
    for (const at of places) {
      if (at < bytes.length) {
        const other = bytes[at]! ^ (at % 3 === 0 ? 0xff : 1 << (at & 7))
        writeSync(file, Buffer.from([other]), 0, 1, at)
        await check({ what: `byte ${at} is ${other} instead of ${bytes[at]}`, at })
        writeSync(file, bytes, at, 1, at)
        cases++
      }
      ftruncateSync(file, at)
      if (at < bytes.length) await check({ what: `cut at byte ${at} of ${bytes.length}`, at })
      restore()
      cases++
    }
  } finally {
    restore()
    closeSync(file)
  }
  return cases
}

const all = (length: number): number[] => Array.from({ length }, (_, at) => at)

/** Everything that a restart begins with, as text. */
async function load(of: string): Promise<{ loaded: Loaded; text: string }> {
  const loaded = await loadDirectory(of, 1, app)
  await closeFiles(loaded.files)
  const { recovery } = loaded
  if (recovery === null) return { loaded, text: '' }
  const { checkpoint, state, window, known, installed, logs } = recovery.restored
  assert.equal(window.capacity, WINDOW_POSITIONS)
  const ids = [window.hi, window.lo, window.outcome].map((part) => sha256Of(new Uint8Array(part.slice(0, 1000).buffer)))
  const held = [...logs.values()].map(({ origin, first, held, committed, events }) => [
    ...[origin, first, held, committed],
    events.map(({ blob, start, end }) => Buffer.from(blob.subarray(start, end)).toString()),
  ])
  const files = [recovery.keep, recovery.append].map((part) => [...part].map(([log, what]) => [log, String(what)]))
  return {
    loaded,
    text: JSON.stringify([checkpoint, app.snapshot(state as never), ids, known, installed, held, files]),
  }
}

/** Per origin whose events the journal has, what is ordered or held. (What was copied was ordered elsewhere.) */
function acknowledged({ recovery, journal }: Loaded): Map<string, number> {
  const { checkpoint, logs } = recovery!.restored
  const most = new Map<string, number>()
  for (const record of journal.records)
    if (record.type === 'events') most.set(record.origin, checkpoint.ordered[record.origin] ?? 0)
  for (const { origin, held } of logs.values()) most.set(origin, Math.max(held, most.get(origin) ?? 0))
  return most
}

test('every byte of the journal', async (t) => {
  const { journal } = savedIn(directory)
  const good = await readJournal(directory, journal)
  assert.equal(good.damage, null)
  const textOfRecords = ({ records }: typeof good): string =>
    JSON.stringify(records, (_, value) => (value?.type === 'Buffer' ? sha256Of(Buffer.from(value.data)) : value))
  const expected = textOfRecords(good)
  let cases = 0
  let harmless = 0
  for (const number of filesOf(directory).segments) {
    const path = join(directory, `journal-${number}.jsonl`)
    const bytes = readFileSync(path)
    const { end } = readSegment(bytes, number)
    // Of the idle group that follows the last one, and of the zeros behind it, every 13th will do.
    const idle = bytes.indexOf('{"idle":')
    const groups = idle === -1 ? end : idle + 100
    const behind = all(bytes.length).filter((at) => at >= groups && at % 13 === 0)
    cases += await each(path, [...all(groups), ...behind], async ({ what, at }) => {
      const found = await readJournal(directory, journal)
      if (found.damage === null) {
        assert.equal(textOfRecords(found), expected, `${path}: ${what}`)
        harmless++
        return
      }
      assert.match(found.damage, /journal-\d+\.jsonl/, what)
      const [, place] = /byte (\d+)/.exec(found.damage) ?? assert.fail(found.damage)
      assert.ok(Number(place) <= at, `${what}: ${found.damage}`)
    })
  }
  t.diagnostic(`${cases} damages, ${harmless} of them where nothing was written`)
  assert.ok(harmless < cases)
})

test('a journal file that is missing', async () => {
  for (const number of filesOf(directory).segments) {
    const copy = copyOf(directory)
    const path = join(copy, `journal-${number}.jsonl`)
    rmSync(path)
    const { damage } = await readJournal(copy, savedIn(copy).journal)
    assert.match(damage ?? 'nothing', new RegExp(`journal-${number}\\.jsonl`))
  }
})

test('every byte of each public file', async (t) => {
  const { text, loaded } = await load(directory)
  const expected = acknowledged(loaded)
  const { files } = savedIn(directory)
  let cases = 0
  for (const log of filesOf(directory).logs) {
    const path = join(directory, `${log}.jsonl`)
    const checked = files[log]?.bytes ?? 0
    cases += await each(path, all(readFileSync(path).length), async ({ what, at }) => {
      const now = await load(directory)
      if (at < checked) {
        assert.deepEqual(
          now.loaded.damages.map((damage) => damage.of === 'file' && damage.log),
          [log],
          what,
        )
        assert.match(now.loaded.damages[0]!.text, new RegExp(`^${log}\\.jsonl.* byte`))
      } else {
        // Behind the checkpoint lines may be cut; what was acknowledged is in the journal.
        assert.deepEqual(now.loaded.damages, [])
        assert.deepEqual(acknowledged(now.loaded), expected, `${path}: ${what}`)
        assertPrefix(now.loaded, loaded)
      }
    })
  }
  assert.equal((await load(directory)).text, text, 'all is as it was')
  t.diagnostic(`${cases} damages`)
})

function assertPrefix(now: Loaded, before: Loaded): void {
  const [position, full] = [now, before].map(({ recovery }) => recovery!.restored.checkpoint.position)
  assert.ok(position! <= full!)
  if (position === full)
    assert.equal(now.recovery!.restored.checkpoint.digest, before.recovery!.restored.checkpoint.digest)
}

test('every byte of server.json', async () => {
  const path = join(directory, 'server.json')
  await each(path, all(readFileSync(path).length), async ({ what }) => {
    const { loaded } = await load(directory)
    assert.equal(loaded.damages[0]?.of, 'all', what)
    assert.match(loaded.damages[0]!.text, /^server\.json is damaged: /)
  })
})

test('every byte of registry.json: the public files say the same', async () => {
  const { text } = await load(directory)
  const path = join(directory, 'registry.json')
  await each(path, all(readFileSync(path).length), async ({ what }) => {
    assert.equal((await load(directory)).text, text, what)
  })
})

test('after a kill, what was written last may be torn and is cut to a whole group; all else is damage', async () => {
  const { journal } = savedIn(killed)
  const number = filesOf(killed).segments.at(-1)!
  const path = join(killed, `journal-${number}.jsonl`)
  const bytes = readFileSync(path)
  const { end, commits } = readSegment(bytes, number)
  const good = await readJournal(killed, journal)
  const line = bytes.indexOf(`{"commit":${commits - 1},`)
  const last = bytes.indexOf('\n', line) + 1
  let torn = 0
  await each(path, all(end), async ({ what, at }) => {
    const { damage, records } = await readJournal(killed, journal)
    if (at < last || what.startsWith('cut')) return assert.match(damage ?? 'nothing', /byte \d+/, what)
    assert.equal(damage, null, what)
    assert.equal(records.length, good.records.length - 1)
    torn++
  })
  assert.ok(torn > 0)
})
