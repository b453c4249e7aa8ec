/** `compasso clocks`: every process's Lamport time, and how the servers' physical clocks are kept together. */
import type { Command } from 'commander'
import { isColorSupported } from 'pino-pretty'
import { type Config, loadConfig } from '../platform/config.ts'
import { type Clocks, readClocks } from './clocks-read.ts'
import { type Course, describeClocks, follow, plotCourses } from './clocks-view.ts'
import { readInterval } from './numbers.ts'
import { print, printJson } from './output.ts'
import type { Screen } from './screen.ts'
import { watch } from './watch.ts'

type Options = { watch?: number | true; json?: true }

const HELP = `
lamport      the process's logical clock when it was asked
before, ms   how far a server's own clock is ahead of the agreed time, before correction
after, ms    the same for its corrected clock, which is what events are stamped with
± ms         by how much these two may be wrong; unknown: then they mean nothing
drift, ppm   how much faster than the agreed time its own clock runs
coordinator  the rank of the server that it follows, and in which term
docs/clocks.md explains both kinds of clock.

Examples:
  npx compasso clocks --watch
  CLOCK_SKEW_MS=1:+3000,2:-2000,3:+500 npm start        three clocks that disagree, to watch
  docker compose exec ref compasso clocks
`

export function addClocks(program: Command): void {
  program
    .command('clocks')
    .description('Show the clocks of all processes: Lamport time, physical offsets, coordinator.')
    .option('-w, --watch [seconds]', 'again and again until Ctrl-C, with a plot (default: every second)', readInterval)
    .option('--json', 'for programs; with --watch one line each time')
    .addHelpText('after', HELP)
    .action(async ({ watch: every, json }: Options) => {
      const config = loadConfig()
      if (every !== undefined) return watchClocks(config, every === true ? 1 : every, json === true)
      const clocks = await readClocks(config)
      if (json === true) printJson(asJson(config, clocks))
      else print(describeClocks(clocks).join('\n'))
    })
}

type Seen = Clocks | { error: string }
const asJson = ({ refUrl }: Config, seen: Seen): Record<string, unknown> => ({ ref: refUrl, ...seen })

/** Where nobody is at first, an error; once somebody was there, it is waited for. */
async function watchClocks(config: Config, seconds: number, json: boolean): Promise<never> {
  let first: Clocks | null = await readClocks(config)
  const courses = new Map<string, Course>()
  const from = performance.now()
  return watch(seconds, json, {
    async read() {
      const clocks = first ?? (await readClocks(config))
      first = null
      follow(courses, clocks, (performance.now() - from) / 1000)
      return clocks
    },
    lines: describeClocks,
    plot: (screen, above) => ['', ...plotOn(screen, above, [...courses.values()])],
    json: (seen) => asJson(config, seen),
  })
}

const MOST_HEIGHT = 14
const LEAST_HEIGHT = 4
const MOST_WIDTH = 100
/** Of a plot besides the curves: title, axis, legend; and the numbers at the left. */
const FRAME = { rows: 8, columns: 14 }

/** As large a plot as there is room for below the table. */
function plotOn({ columns, rows }: Screen, above: number, courses: readonly Course[]): string[] {
  const height = Math.min(MOST_HEIGHT, rows - above - FRAME.rows - courses.length)
  if (height < LEAST_HEIGHT) return []
  const width = Math.min(MOST_WIDTH, columns - FRAME.columns)
  return plotCourses(courses, { width, height, colours: isColorSupported })
}
