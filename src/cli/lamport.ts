/** `compasso lamport`: Lamport's rule, checked over the logs of all processes of a run. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import type { Command } from 'commander'
import { escapeControls } from '../platform/pretty.ts'
import { EXIT, Failure } from './failure.ts'
import { createLamportChecker, type LamportChecker, type LamportReport, type LogRecord } from './lamport-check.ts'
import { wholeBetween } from './numbers.ts'
import { print, printJson, printTable } from './output.ts'

type Options = { least: number; json?: true }

const LEAST = 10
const SHOWN = 20

const HELP = `
Every message that one process sent and another received: the receiver's clock afterwards is at least the sender's, the
sender's is above all that it was before, and each kind of message was seen often enough to mean something.
For that the processes must log every message: LOG_LEVEL=debug LOG_FORMAT=json, and all of them must be in the files. Stop the
cluster first, or of the last messages one end may be missing.
"outside" counts messages of those who write no such logs: tools, clients in other languages; "lost" those nobody received.
Exit code 0 when the rule holds, 1 when not or when too little was seen.

Examples:
  LOG_LEVEL=debug LOG_FORMAT=json npm start > run.log       (a minute, then Ctrl-C)
  npx compasso lamport run.log
  docker compose stop; docker compose logs --no-color > run.log; npx compasso lamport run.log
  npx compasso lamport - < run.log
`

export function addLamport(program: Command): void {
  program
    .command('lamport')
    .description("Check Lamport's rule over the logs of all processes of a run.")
    .argument('<file...>', 'logs, one record of JSON a line; - for standard input')
    .option('--least <number>', 'messages that each kind of link must have had', wholeBetween(0, 1e9), LEAST)
    .option('--json', 'for programs')
    .addHelpText('after', HELP)
    .action(async (files: string[], { least, json }: Options) => {
      const checker = createLamportChecker(least)
      let records = 0
      for (const file of files) {
        const input = file === '-' ? process.stdin : createReadStream(file)
        records += await readLog(input, files.length === 1 ? '' : file, checker)
      }
      if (records === 0) throw new Failure('no records of JSON in there — run the cluster with LOG_FORMAT=json')
      const report = checker.report()
      if (json === true) printJson(report)
      else show(report)
      process.exitCode = report.violations.length === 0 ? EXIT.ok : EXIT.failed
    })
}

/** As `docker compose logs` writes it: the container in front, and what a terminal would obey, also into a file. */
const COMPOSE_LINE = /^(\S+)\s+\| (\{.*)$/

/** Hands over every record of a log. @returns how many there were */
export async function readLog(input: Readable, source: string, checker: LamportChecker): Promise<number> {
  let records = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const [, container, rest] = COMPOSE_LINE.exec(stripVTControlCharacters(line)) ?? []
    const record = parse(rest ?? line)
    if (record === null) continue
    records++
    checker.take(container ?? source, record)
  }
  return records
}

function parse(line: string): LogRecord | null {
  if (!line.startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' ? (value as LogRecord) : null
  } catch {
    return null
  }
}

function show({ processes, checked, links, violations }: LamportReport): void {
  printTable(
    ['from > to', 'checked', 'outside', 'lost'],
    links.map((one) => [one.link, one.checked, one.outside, one.lost]),
  )
  for (const violation of violations.slice(0, SHOWN)) print(`WRONG: ${escapeControls(violation)}`)
  if (violations.length > SHOWN) print(`and ${violations.length - SHOWN} more`)
  const sum = `${checked.toLocaleString('en')} messages between ${processes} processes`
  print(violations.length === 0 ? `${sum}: Lamport's rule holds` : `${sum}: ${violations.length} things are wrong`)
}
