/** The verdict must see what it is there for: each kind of wrong file, made up here, is found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isClean, judge, type Verdict } from '../../../chaos/verdict.ts'
import type { PublicFiles } from '../../e2e/support/files.ts'
import type { Operation } from '../../e2e/support/history.ts'

const operation = (text: string, at: number, result: Operation['result'] = 'ok'): Operation => ({
  ...{ client: 'ana', text, invokedAt: at, answeredAt: at + 1, result, error: '' },
})
const OPERATIONS = [operation('one', 0), operation('two', 10), operation('three', 20), operation('four', 30, 'refused')]

type Line = { message: string; seq?: number; id?: string; n?: number }

function file(lines: readonly Line[]): Buffer {
  const whole = lines.map((line, index) => ({
    ...{
      n: index + 1,
      clock: index + 1,
      origin: 'server-1@1',
      seq: index + 1,
      id: `id-${index}`,
      time: 1,
      user: 'ana',
    },
    ...line,
  }))
  return Buffer.from(whole.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

const filesOf = (first: readonly Line[], second = first): PublicFiles => ({
  'server-1': { 'publications.jsonl': file(first) },
  'server-2': { 'publications.jsonl': file(second) },
})
const said = (...texts: string[]): Line[] => texts.map((message) => ({ message }))
const counts = ({ equal, ...lists }: Verdict) => ({
  ...Object.fromEntries(Object.entries(lists).map(([kind, list]) => [kind, list.length])),
  equal,
})
const NONE = { lost: 0, doubled: 0, phantom: 0, misplaced: 0, disorder: 0, equal: true }

test('what was answered, once each and in order, is clean; an unknown one may be there or not', () => {
  const clean = judge(OPERATIONS, filesOf(said('one', 'two', 'three')))
  assert.deepEqual(counts(clean), NONE)
  assert.ok(isClean(clean))
  const unknown = [...OPERATIONS, operation('five', 40, 'unknown')]
  assert.ok(isClean(judge(unknown, filesOf(said('one', 'two', 'three')))))
  assert.ok(isClean(judge(unknown, filesOf(said('one', 'two', 'three', 'five')))))
})

const WRONG: [what: string, files: PublicFiles, findings: Partial<typeof NONE>][] = [
  ['lost', filesOf(said('one', 'three')), { lost: 2 }],
  ['lost on one server', filesOf(said('one', 'two', 'three'), said('one', 'two')), { lost: 1, equal: false }],
  ['doubled', filesOf(said('one', 'two', 'two', 'three')), { doubled: 2 }],
  ['never asked for', filesOf(said('one', 'two', 'three', 'other')), { phantom: 2 }],
  ['refused', filesOf(said('one', 'two', 'three', 'four')), { phantom: 2 }],
  ['before what was answered earlier', filesOf(said('two', 'one', 'three')), { misplaced: 2 }],
  ['positions with a gap', filesOf([...said('one', 'two'), { message: 'three', n: 4 }]), { disorder: 2 }],
  ['a gap in seq', filesOf([...said('one', 'two'), { message: 'three', seq: 4 }]), { disorder: 2 }],
  ['an id with two effects', filesOf([...said('one', 'two'), { message: 'three', id: 'id-0' }]), { disorder: 2 }],
  [
    'different bytes',
    filesOf(said('one', 'two', 'three'), [...said('one', 'two'), { message: 'three', id: 'x' }]),
    { equal: false },
  ],
]
for (const [what, files, findings] of WRONG)
  test(`found: ${what}`, () => {
    const verdict = judge(OPERATIONS, files)
    assert.deepEqual(counts(verdict), { ...NONE, ...findings })
    assert.equal(isClean(verdict), false)
  })
