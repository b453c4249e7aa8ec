import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ProcessClocks, summarise } from '../../../src/cli/clocks-read.ts'
import { type Course, describeClocks, follow, plotCourses } from '../../../src/cli/clocks-view.ts'
import type { ClockStatus } from '../../../src/protocol/clock-status.ts'

const time = (status: Partial<ClockStatus> = {}): ClockStatus => ({
  ...{ now: 1, rawOffsetMs: 2500.6, offsetMs: 0.25, errorMs: 1.5, driftPpm: 21.44, slewing: false },
  ...{ round: 7, coordinator: 1, term: 3 },
  ...status,
})
const server = (rank: number, status: ClockStatus | null, state = 'installed'): ProcessClocks => ({
  ...{ name: `server-${rank}`, role: 'server', clock: 1234 + rank, rank, state, time: status },
})
const broker: ProcessClocks = { name: 'broker', role: 'broker', clock: 88 }

test('a table of all processes, the numbers under each other', () => {
  const slewing = time({ rawOffsetMs: -2498.6, offsetMs: -300, slewing: true, driftPpm: null })
  const lines = describeClocks(summarise([broker, server(1, time()), server(2, slewing)]))
  assert.deepEqual(lines, [
    'coordinator: server 1, term 3, round 7',
    'process   lamport  before, ms  after, ms   ± ms  drift, ppm  round  coordinator',
    'broker         88',
    'server-1    1,235  +2,500.600     +0.250  1.500       +21.4      7       1 in 3',
    'server-2    1,236  -2,498.600   -300.000  1.500           -      7       1 in 3  slewing',
    "the servers' own clocks are 4,999.200 ms apart, corrected 300.250 ms",
  ])
})

test('what is not known is said: no bound, no status, no answer, no coordinator', () => {
  const unknown = time({ errorMs: null, coordinator: null })
  const dead: ProcessClocks = { ...server(3, null, 'down'), clock: null }
  const lines = describeClocks(summarise([{ ...broker, clock: null }, server(1, unknown), dead]))
  assert.equal(lines[0], 'no coordinator yet (term 3)')
  assert.match(lines[2]!, /^broker +- +no answer$/)
  assert.match(lines[3]!, /^server-1 +1,235 +- +- +unknown +\+21\.4 +7 +-$/)
  assert.match(lines[4]!, /^server-3 +- +- +- +- +- +- +- +down$/)
  assert.match(lines[5]!, /not known yet/)
})

test('the newest term speaks for all; who has no bound is not compared', () => {
  const old = time({ term: 2, round: 90, coordinator: 3, offsetMs: 4 })
  const clocks = summarise([
    server(1, time({ offsetMs: 1 })),
    server(2, old),
    server(3, time({ errorMs: null, offsetMs: 99 })),
  ])
  assert.deepEqual([clocks.coordinator, clocks.term, clocks.round, clocks.apartMs], [1, 3, 7, 3])
})

test('names cannot forge a line', () => {
  const lines = describeClocks(summarise([{ ...broker, name: 'a\nb\u001b[2J' }]))
  assert.equal(lines.length, 4)
  assert.ok(!lines.join('').includes('\u001b'))
})

test('the plot shows the servers whose offset is known, once there is something to connect', () => {
  const courses = new Map<string, Course>()
  const at = (seconds: number, offsetMs: number): void =>
    follow(courses, summarise([broker, server(1, time({ offsetMs })), server(2, time({ errorMs: null }))]), seconds)
  const draw = (): string[] => plotCourses([...courses.values()], { width: 40, height: 5, colours: false })
  at(0, -300)
  assert.deepEqual(draw(), [])
  at(1, -100)
  at(2, 0)
  const lines = draw()
  assert.match(lines[0]!, /corrected clocks against the agreed time/)
  assert.ok(lines.some((line) => line.includes('-300┤')))
  assert.match(lines.at(-1)!, /server-1$/)
  assert.ok(!lines.join('\n').includes('server-2'))
  for (let i = 0; i < 1000; i++) at(3 + i, 0)
  assert.equal(courses.get('server-1')!.points.length, 300)
})

test('where the clocks meet in the plot it says 0, the agreed time', () => {
  const draw = (...offsets: number[]): string[] => {
    const points = offsets.map((offset, at): [number, number] => [at, offset])
    return plotCourses([{ name: 'server-1', points }], { width: 40, height: 12, colours: false })
  }
  const ending = (lines: string[]): string[] => lines.filter((line) => /^ *-?[\d.]+┤.*━$/.test(line))
  const converging = draw(2060, 1580, 1120, 628, 167, 0.1, 0)
  assert.match(ending(converging)[0]!, /^ *0┤/)
  assert.ok(converging.some((line) => line.includes('2060┤')))
  assert.match(ending(draw(0, 0, 0))[0]!, /^ *0┤/)
  for (const offsets of [
    [5, 4],
    [-5, -4],
    [0.001, 0],
  ])
    assert.ok(draw(...offsets).some((line) => /^ *0┤/.test(line)))
})
