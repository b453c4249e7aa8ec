/** What a restart does with public lines behind the checkpoint, for every way in which a process can be stopped. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copiedRecord, eventsRecord, makeGroup, readSegment } from '../../../src/core/journal.ts'
import { makeLine } from '../../../src/core/lines.ts'
import { EMPTY_CHECKPOINT, recover } from '../../../src/core/recovery.ts'
import { createWindow } from '../../../src/core/window.ts'
import { makeOrigin, type Rank } from '../../../src/protocol/replica.ts'
import { createApplication } from '../../../src/server/services/index.ts'

const first = makeOrigin(1 as Rank, 3)
const second = makeOrigin(2 as Rank, 3)

/** Events of two origins, by turns: a channel, then publications and a channel that exists already. */
const EVENTS = [
  { origin: first, seq: 1, log: 'channels', id: 'a', body: { channel: 'samba' } },
  { origin: second, seq: 1, log: 'publications', id: 'b', body: { user: 'ana', channel: 'samba', message: 'one' } },
  { origin: first, seq: 2, log: 'channels', id: 'c', body: { channel: 'samba' } },
  { origin: second, seq: 2, log: 'publications', id: 'b', body: { user: 'ana', channel: 'samba', message: 'one' } },
  { origin: first, seq: 3, log: 'publications', id: 'd', body: { user: 'rui', channel: 'samba', message: 'two' } },
]
const lineOf = (index: number): string => {
  const { origin, seq, id, body } = EVENTS[index]!
  return makeLine({ clock: 10 + index, origin, seq, id, time: 5 }, body)
}
/** What the public files hold in the end. */
const PUBLIC: readonly [file: string, line: string][] = EVENTS.map((event, index) => {
  const line = `{"n":${index + 1},${lineOf(index).slice(1)}`
  const reason = index === 2 ? 'already_exists' : index === 3 ? 'duplicate' : null
  if (reason === null) return [event.log, line]
  return ['skipped', `${line.slice(0, -2)},"log":"${event.log}","skipped":"${reason}"}\n`]
})
const journal = readSegment(
  makeGroup(
    EVENTS.flatMap((event, index) =>
      eventsRecord(event.origin, event.seq, [[event.log, 1]], Buffer.from(lineOf(index))),
    ),
    1,
    1,
  ),
  1,
).records

function restart(tails: Record<string, string>, records = journal, app = createApplication()) {
  const bytes = new Map(Object.entries(tails).map(([file, text]) => [file, Buffer.from(text)]))
  const found = {
    checkpoint: EMPTY_CHECKPOINT,
    state: app.create(),
    window: createWindow(64),
    tails: bytes,
    journal: records,
  }
  const { keep, append, restored } = recover(app, found)
  const files: Record<string, string> = {}
  for (const file of ['channels', 'publications', 'skipped'])
    files[file] = (tails[file] ?? '').slice(0, keep.get(file) ?? 0) + Buffer.from(append.get(file) ?? []).toString()
  return { files, position: restored.checkpoint.position }
}

/** The files with the lines of these positions. */
function filesWith(has: (n: number) => boolean): Record<string, string> {
  const files: Record<string, string> = {}
  PUBLIC.forEach(([file, line], index) => {
    if (has(index + 1)) files[file] = (files[file] ?? '') + line
  })
  return files
}

test('killed between any two of the files that a step writes to: what is missing before a line is written', () => {
  for (const order of [
    ['channels', 'publications', 'skipped'],
    ['publications', 'skipped', 'channels'],
    ['skipped', 'channels', 'publications'],
  ]) {
    for (let written = 0; written <= 3; written++) {
      const there = filesWith((n) => order.slice(0, written).includes(PUBLIC[n - 1]![0]))
      const { files, position } = restart(there)
      const last = Math.max(0, ...PUBLIC.map(([file], index) => (file in there ? index + 1 : 0)))
      assert.equal(position, last, `${written} of ${order}`)
      assert.deepEqual(files, { channels: '', publications: '', skipped: '', ...filesWith((n) => n <= last) })
    }
  }
})

test('without a line behind it nothing is written: what comes next is for the cluster to decide', () => {
  for (let whole = 0; whole <= PUBLIC.length; whole++)
    assert.equal(restart(filesWith((n) => n <= whole)).position, whole)
})

test('a line that is not what the journal says is made anew, as are those behind it in its file', () => {
  const wrong = filesWith(() => true)
  wrong.publications = wrong.publications!.replace('"one"', '"eno"')
  wrong.channels = wrong.channels!.replace('samba', 'choro')
  assert.deepEqual(restart(wrong), { files: filesWith(() => true), position: 5 })
})

test('a line at a place that the order does not give it brings nothing into the files', () => {
  const none = { files: { channels: '', publications: '', skipped: '' }, position: 0 }
  const last = PUBLIC[4]![1]
  assert.deepEqual(restart({ publications: last.replace('"n":5', '"n":4') }), none)
  assert.deepEqual(restart({ publications: last.replace('"n":5', '"n":6') }), none)
})

test('with a line that states the place of another the right one is found', () => {
  const there = filesWith((n) => n <= 3)
  const moved = { ...there, publications: there.publications!.replace('"n":2', '"n":3') }
  assert.deepEqual(restart(moved), { files: { channels: '', publications: '', skipped: '', ...there }, position: 3 })
})

test('what was ordered here before lines were copied is written again when a power cut took it', () => {
  const [file, line] = PUBLIC[1]!
  const pieces = [
    ...eventsRecord(first, 1, [['channels', 1]], Buffer.from(lineOf(0))),
    ...copiedRecord(1, 2, [[file, Buffer.from(line)]]),
    ...eventsRecord(second, 2, [['publications', 1]], Buffer.from(lineOf(3))),
  ]
  const { files, position } = restart({}, readSegment(makeGroup(pieces, 1, 1), 1).records)
  assert.deepEqual([files, position], [{ skipped: '', ...filesWith((n) => n <= 2) }, 2])
})

test('a torn line is cut', () => {
  const torn = filesWith((n) => n <= 2)
  torn.publications = torn.publications!.slice(0, -7)
  assert.equal(restart(torn).position, 1)
})

test('what a service that was taken away since refused stays refused, and what it took stays taken', () => {
  const app = createApplication()
  const without = { ...app, logs: app.logs.filter((log) => log !== 'channels'), folds: new Map(app.folds) }
  without.folds.delete('channels')
  assert.deepEqual(
    restart(
      filesWith(() => true),
      journal,
      without,
    ),
    { files: filesWith(() => true), position: 5 },
  )
  // Killed before it had written everything: what is there counts, up to the last line that is.
  const some = restart(
    filesWith((n) => n !== 2 && n !== 5),
    journal,
    without,
  )
  assert.deepEqual(some, { files: filesWith((n) => n !== 5), position: 4 })
})
