/** `compasso logs export`: everything that happened, in one file. */
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { loadConfig } from '../platform/config.ts'
import { csvRow } from './csv.ts'
import { EXIT, Failure } from './failure.ts'
import { type LogFile, longestFiles, type MergedEvent, mergedEvents } from './merged.ts'
import { say } from './output.ts'
import { createProgress, type Progress } from './progress.ts'
import { onLeave } from './signals.ts'

type Format = 'jsonl' | 'csv'
type Options = { data?: string; format?: Format }
type Write = (text: string) => Promise<void>

const HELP = `
All public files of all servers as one, in the order of positions that they share: logins, channels, publications,
messages and all others; "log" says which. Events without effect are left out, so positions may have gaps. Also while the
cluster runs: then up to the last position that is wholly there. CSV has a column for every field that occurs.

Examples:
  npx compasso logs export everything.csv
  npx compasso logs export everything.jsonl --data /tmp/try
  npx compasso logs export | grep '"log":"publications"' | tail -3
`

export function addLogsExport(logs: Command): void {
  logs
    .command('export')
    .description('Write all events of the cluster, in order, into one file: JSON lines or CSV.')
    .argument('[file]', 'which must not be there yet; without it: standard output')
    .addOption(
      new Option('--format <format>', "default: as the file's name ends, else jsonl").choices(['jsonl', 'csv']),
    )
    .option('--data <directory>', 'the data directory (DATA_DIR; ./data)')
    .addHelpText('after', HELP)
    .action(async (path: string | undefined, { data, format }: Options) => {
      const dataDir = data ?? loadConfig().dataDir
      const files = await longestFiles(dataDir)
      if (files.length === 0)
        throw new Failure(`nothing to export: ${dataDir} has no server-<rank> folders with files — --data DIRECTORY`)
      const chosen = format ?? (path?.endsWith('.csv') === true ? 'csv' : 'jsonl')
      if (path === undefined) await exportAll(files, chosen, writeTo(process.stdout))
      else await exportToFile(files, chosen, path)
    })
}

/** Under its name only once it is whole; also after Ctrl-C nothing is left. */
async function exportToFile(files: readonly LogFile[], format: Format, path: string): Promise<void> {
  if (existsSync(path)) throw new Failure(`${path} is there already — give another name, or remove it`, EXIT.usage)
  const folder = dirname(path)
  if (!existsSync(folder)) throw new Failure(`there is no folder ${folder} — make it, or give another name`, EXIT.usage)
  const part = `${path}.part`
  const stream = createWriteStream(part)
  await once(stream, 'open')
  const discard = onLeave(part)
  try {
    const { events, position } = await exportAll(files, format, writeTo(stream))
    stream.end()
    await once(stream, 'finish')
    await rename(part, path)
    say(`${events} events up to position ${position} are in ${path}`)
  } catch (error) {
    stream.destroy()
    await rm(part, { force: true })
    throw error
  } finally {
    discard()
  }
}

async function exportAll(
  files: readonly LogFile[],
  format: Format,
  write: Write,
): Promise<{ events: number; position: number }> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const progress = createProgress('exporting', format === 'csv' ? 2 * total : total)
  let events = 0
  let position = 0
  try {
    const line = format === 'csv' ? await csvLines(files, progress, write) : jsonLine
    for await (const event of mergedEvents(files, progress.add)) {
      events++
      position = event.n
      await write(line(event))
    }
  } finally {
    progress.end()
  }
  return { events, position }
}

const jsonLine = (event: MergedEvent): string => `${JSON.stringify(event)}\n`

const FIRST_COLUMNS = ['n', 'log', 'time', 'clock', 'origin', 'seq', 'id']

/** Reads everything once for the names of the columns, and writes those. */
async function csvLines(
  files: readonly LogFile[],
  progress: Progress,
  write: Write,
): Promise<(event: MergedEvent) => string> {
  const names = new Set(FIRST_COLUMNS)
  for await (const event of mergedEvents(files, progress.add)) for (const name of Object.keys(event)) names.add(name)
  const columns = [...names]
  await write(csvRow(columns))
  return (event) =>
    csvRow(columns.map((name) => (name === 'time' ? new Date(Number(event.time)).toISOString() : event[name])))
}

/** Writes no faster than it is taken. */
function writeTo(stream: NodeJS.WritableStream): Write {
  return async (text) => {
    if (!stream.write(text)) await once(stream, 'drain')
  }
}
