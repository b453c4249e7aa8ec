/** How the clocks look: one table of all processes, and a plot of the servers' offsets over time. Pure. */
import { type Color, plot } from 'simple-ascii-chart'
import { escapeControls } from '../platform/pretty.ts'
import { table } from '../platform/table.ts'
import type { Clocks, ProcessClocks } from './clocks-read.ts'

const HEAD = ['process', 'lamport', 'before, ms', 'after, ms', '± ms', 'drift, ppm', 'round', 'coordinator', '']

/** The lines of the table, and what it comes to. */
export function describeClocks(clocks: Clocks): string[] {
  const rows = clocks.processes.map(row)
  const widths = HEAD.map((head, column) => Math.max(head.length, ...rows.map((cells) => cells[column]!.length)))
  const right = (cells: readonly string[]): string[] =>
    cells.map((cell, column) => (column === 0 || column === HEAD.length - 1 ? cell : cell.padStart(widths[column]!)))
  return [headline(clocks), ...table([right(HEAD), ...rows.map(right)]), distance(clocks)]
}

function headline({ coordinator, term, round }: Clocks): string {
  if (coordinator === null) return `no coordinator yet (term ${term})`
  return `coordinator: server ${coordinator}, term ${term}, round ${round}`
}

function distance({ apartBeforeMs, apartMs }: Clocks): string {
  if (apartBeforeMs === null || apartMs === null) return 'how far apart the servers are is not known yet'
  return `the servers' own clocks are ${show(apartBeforeMs)} ms apart, corrected ${show(apartMs)} ms`
}

function row({ name, clock, state, time }: ProcessClocks): string[] {
  const about = [escapeControls(name), clock === null ? '-' : clock.toLocaleString('en')]
  if (time === undefined) return [...about, '', '', '', '', '', '', clock === null ? 'no answer' : '']
  if (time === null) return [...about, '-', '-', '-', '-', '-', '-', state ?? '']
  const { rawOffsetMs, offsetMs, errorMs, driftPpm, round, coordinator, term, slewing } = time
  // Without a bound the offsets mean nothing.
  const offsets = errorMs === null ? ['-', '-', 'unknown'] : [signed(rawOffsetMs), signed(offsetMs), show(errorMs)]
  const drift = driftPpm === null ? '-' : signed(driftPpm, 1)
  const leader = coordinator === null ? '-' : `${coordinator} in ${term}`
  const remark = [state === 'installed' ? '' : state, slewing ? 'slewing' : ''].filter(Boolean).join(', ')
  return [...about, ...offsets, drift, String(round), leader, remark]
}

const show = (value: number, digits = 3): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
const signed = (value: number, digits = 3): string => `${value < 0 ? '-' : '+'}${show(Math.abs(value), digits)}`

/** Offsets of one server: seconds since the first look, and ms after correction. */
export type Course = { name: string; points: [seconds: number, offsetMs: number][] }

/** Points that are kept: what a plot of a usual width can show. */
const MOST_POINTS = 300

/** Adds what was just read to what is plotted. */
export function follow(courses: Map<string, Course>, { processes }: Clocks, seconds: number): void {
  for (const { name, time } of processes) {
    if (time === undefined || time === null || time.errorMs === null) continue
    const course = courses.get(name) ?? { name, points: [] }
    course.points.push([seconds, time.offsetMs])
    if (course.points.length > MOST_POINTS) course.points.shift()
    courses.set(name, course)
  }
}

/** On the axis of time; the library would draw one for every point. */
const TICKS = 6
const COLOURS: Color[] = ['ansiCyan', 'ansiGreen', 'ansiYellow', 'ansiMagenta', 'ansiBlue', 'ansiRed']

/** The plot's lines; none before there are two points to connect. */
export function plotCourses(
  courses: readonly Course[],
  { width, height, colours }: { width: number; height: number; colours: boolean },
): string[] {
  const drawn = courses.filter(({ points }) => points.length > 1)
  if (drawn.length === 0) return []
  const seconds = drawn.flatMap(({ points }) => points.map(([at]) => at))
  const [from, to] = [Math.min(...seconds), Math.max(...seconds)]
  const [low, high] = offsetRange(drawn)
  const text = plot(
    drawn.map(({ points }) => points),
    {
      ...{ width, height, title: 'corrected clocks against the agreed time, ms, over seconds' },
      ...(colours && { color: drawn.map((_, index) => COLOURS[index % COLOURS.length]!) }),
      yRange: [low, high],
      // The library would write one of the values that a line stands for, and the clocks seem to meet at 167.
      customYAxisTicks: [...new Set([low, 0, high])],
      customXAxisTicks: Array.from({ length: TICKS }, (_, i) => from + ((to - from) * i) / (TICKS - 1)),
      legend: { position: 'bottom', series: drawn.map(({ name }) => escapeControls(name)) },
      formatter: (value, { axis }) => (axis === 'x' ? Math.round(value) : Number(value.toPrecision(3))),
    },
  )
  const lines = text.split('\n').map((line) => line.trimEnd())
  return lines.filter((line) => line !== '')
}

/** The least and the largest offset, with the agreed time (0) in between; never a range without height. */
function offsetRange(courses: readonly Course[]): [low: number, high: number] {
  const offsets = courses.flatMap(({ points }) => points.map(([, offset]) => offset))
  const [low, high] = [Math.min(0, ...offsets), Math.max(0, ...offsets)]
  return low === high ? [-1, 1] : [low, high]
}
