/** The checker is fed runs that are right, and every way in which one can be wrong. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { readLog } from '../../../src/cli/lamport.ts'
import { createLamportChecker, type LamportReport, type LogRecord, REQUIRED } from '../../../src/cli/lamport-check.ts'

type Line = [process: string, record: LogRecord]

const sent = (process: string, link: string, message: string, clock: number): Line => [
  process,
  { level: 20, pid: 7, link, message, clock, msg: 'sent' },
]
const received = (process: string, link: string, message: string, carried: number, clock: number): Line => [
  process,
  { level: 20, pid: 7, link, message, carried, clock, msg: 'received' },
]

/** One message over every required link, from a process `a` to one `b`. */
const whole: Line[] = REQUIRED.flatMap((link, i) => [
  sent('a', link, `m${i}`, 10 * i + 1),
  received('b', link, `m${i}`, 10 * i + 1, 10 * i + 1),
])

function check(lines: readonly Line[], least = 1): LamportReport {
  const checker = createLamportChecker(least)
  for (const [process, record] of lines) checker.take('', { process, ...record })
  return checker.report()
}
const wrong = (...lines: Line[]): string[] => check([...whole, ...lines]).violations

test('a run that keeps the rule: every message is checked, whichever line comes first', () => {
  const of = (name: string): Line[] => whole.filter(([process]) => process === name)
  for (const lines of [whole, [...of('a'), ...of('b')], [...of('b'), ...of('a')]]) {
    const report = check(lines)
    assert.deepEqual(report.violations, [])
    assert.equal(report.checked, REQUIRED.length)
    assert.equal(report.processes, 2)
  }
})

test('a receiver that did not take the clock', () => {
  const lines = [sent('c', 'server>ref', 'x', 90), received('d', 'server>ref', 'x', 90, 40)]
  assert.deepEqual(wrong(...lines), ['d received server>ref x that carried 90, and stood at 40 afterwards'])
})

test('a sender that did not add 1 to what it had heard or sent before', () => {
  const heard = [received('d', 'tool>ref', 'x', 90, 90), sent('d', 'ref>tool', 'y', 90)]
  assert.deepEqual(wrong(...heard), ['d sent ref>tool y at 90, and its clock was 90 before'])
  const twice = [sent('d', 'ref>tool', 'y', 91), sent('d', 'ref>tool', 'z', 91)]
  assert.deepEqual(wrong(...twice), ['d sent ref>tool z at 91, and its clock was 91 before'])
})

test("a message that carried another clock than its sender's", () => {
  const lines = [sent('c', 'server>broker', 'x', 90), received('d', 'server>broker', 'x', 80, 95)]
  assert.deepEqual(wrong(...lines), ['d received server>broker x that carried 80; it was sent at 90'])
})

test('a message between our own processes that nobody has sent', () => {
  assert.deepEqual(wrong(received('d', 'broker>server', 'x', 80, 95)), [
    'd received broker>server x that carried 80, and no process of these logs sent it',
  ])
})

test('a record without the clock of its process, and text that is no record of a process', () => {
  assert.deepEqual(wrong(['d', { level: 30, pid: 7, msg: 'ready' }]), ['d wrote 1 records without its clock'])
  assert.deepEqual(wrong(['d', { level: 40, msg: 'Warning: what Node says' }], ['d', { level: 20, pid: 7 }]), [])
})

test('nothing passes because too little was looked at', () => {
  assert.equal(check([]).violations.length, REQUIRED.length)
  for (const link of REQUIRED) {
    const without = whole.filter(([, record]) => record.link !== link)
    assert.deepEqual(check(without).violations, [`${link}: 0 messages were checked, at least 1 were expected`])
  }
  assert.equal(check(whole, 2).violations.length, REQUIRED.length)
})

test('outsiders are checked on our side; one absurdly far ahead is not believed, by rule', () => {
  const far = 2 ** 30
  const report = check([
    ...whole,
    received('d', 'client>broker', 'x', 80, 95),
    received('d', 'client>broker', 'y', far, 95),
    sent('d', 'broker>client', 'z', 96),
  ])
  assert.deepEqual(report.violations, [])
  const links = new Map(report.links.map((one) => [one.link, one]))
  assert.equal(links.get('client>broker')!.outside, 2)
  assert.equal(links.get('broker>client')!.lost, 1)
  assert.equal(wrong(received('d', 'client>broker', 'y', 95 + 2 ** 20, 95)).length, 1)
  assert.equal(wrong(sent('c', 'server>ref', 'y', far), received('d', 'server>ref', 'y', far, 95)).length, 1)
})

test('a process that begins again under the same number has a new clock', () => {
  const begins: Line = ['d', { level: 20, pid: 7, run: 'again', clock: 0, msg: 'server begins' }]
  const lines = [sent('d', 'server>tool', 'x', 90), begins, sent('d', 'server>tool', 'y', 1)]
  assert.deepEqual(wrong(...lines), [])
  assert.equal(wrong(...lines.filter((line) => line !== begins)).length, 1)
})

test('logs are read as npm start, docker compose and single processes write them', async () => {
  const records = whole.map(([process, record]) => ({ process, ...record }))
  const texts = {
    start: records.map((record) => JSON.stringify(record)),
    compose: records.map(
      ({ process, ...record }, i) => `${i % 2 ? '' : '\u001b[2K'}${process}-1  | ${JSON.stringify(record)}`,
    ),
  }
  for (const lines of Object.values(texts)) {
    const checker = createLamportChecker(1)
    const input = Readable.from([`${['> npm start', '', '{"broken', ...lines].join('\n')}\n`])
    assert.equal(await readLog(input, '', checker), records.length)
    const report = checker.report()
    assert.deepEqual(report.violations, [])
    assert.equal(report.processes, 2)
  }
})
