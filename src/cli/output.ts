/**
 * What commands print: data on standard output, everything else on standard error. What people or servers sent never
 * reaches a terminal as it is: here it is escaped, in tables as in JSON.
 */
import { escapeControls, escapeJson } from '../platform/pretty.ts'
import { table } from '../platform/table.ts'

/** The option of what prints the data of one reply. */
export const JSON_OPTION = ['--json', 'for programs: the data of the reply'] as const

/** One line on standard output, or several that come from here: text of others must be escaped before. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One JSON document, for `--json`. */
export function printJson(value: unknown): void {
  print(escapeJson(JSON.stringify(value, null, 2)))
}

/** One line of JSON, for `--json` of what goes on and on. */
export function printJsonLine(value: unknown): void {
  print(escapeJson(JSON.stringify(value)))
}

type Rows = readonly (readonly (string | number)[])[]

/** The lines of a table with its head; texts are escaped, numbers stand to the right. */
export function tableOf(head: readonly string[], rows: Rows): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell : escapeControls(cell))))
  return table([head, ...cells])
}

export const printTable = (head: readonly string[], rows: Rows): void => print(tableOf(head, rows).join('\n'))

/** One line on standard error: what is going on, or what went wrong. */
export function say(text: string): void {
  process.stderr.write(`compasso: ${text}\n`)
}
