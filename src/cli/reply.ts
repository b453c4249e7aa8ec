/** The reply of a service for people: its fields, lists of maps as tables, times as times. */
import type { Data } from '../client/client.ts'
import { escapeControls } from '../platform/pretty.ts'
import { isMap } from '../protocol/envelope.ts'
import { print, printTable } from './output.ts'

/** Every reply has these; `--json` shows them. */
const COMMON = ['status', 'timestamp', 'clock']
/** The same as other fields of the reply, for clients of the predecessors. */
const PORTUGUESE = ['resultado', 'nome', 'idade', 'cidade', 'instrumento']
const OMITTED: ReadonlySet<string> = new Set([...COMMON, ...PORTUGUESE])

/** Milliseconds since 1970. */
const TIMES: ReadonlySet<string> = new Set(['time', 'timestamp', 'created', 'updated'])
/** Local date and time of milliseconds since 1970. */
export const timeOf = (value: unknown): string =>
  typeof value === 'number' ? new Date(value).toLocaleString('sv-SE') : show(value)

/** Prints what is in a reply that is a success; OK when it says nothing more. */
export function printReply(data: Data): void {
  const fields = Object.entries(data).filter(([name, value]) => !OMITTED.has(name) && value !== undefined)
  if (fields.length === 0) return print('OK')
  for (const [name, value] of fields) {
    if (isListOfMaps(value)) printMaps(value)
    else print(`${escapeControls(name)}: ${TIMES.has(name) ? timeOf(value) : show(value) || 'none'}`)
  }
}

const isListOfMaps = (value: unknown): value is Data[] => Array.isArray(value) && value.length > 0 && value.every(isMap)

/** A column for each field that one of them has. */
function printMaps(maps: readonly Data[]): void {
  const columns = [...new Set(maps.flatMap((map) => Object.keys(map)))]
  printTable(
    columns,
    maps.map((map) => columns.map((column) => (TIMES.has(column) ? timeOf(map[column]) : show(map[column])))),
  )
}

/** A value on one line, with nothing in it that a terminal obeys. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return value.map(show).join(', ')
  if (isMap(value) || Array.isArray(value)) return escapeControls(JSON.stringify(value))
  return escapeControls(String(value))
}
