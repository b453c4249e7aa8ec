/**
 * How a log record looks to a person: local time, level, who, message, fields, all on one line.
 * Everything in a record may come from a user, so nothing reaches the screen that could start or rewrite a line.
 */
import { isColorSupported, type PrettyOptions, prettyFactory } from 'pino-pretty'

export type LogRecord = Record<string, unknown>

type Colors = { gray(text: string): string; red(text: string): string; reset(text: string): string }

// Controls, line separators, directional marks, overrides and isolates.
const UNSAFE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
// The same without those that JSON.stringify escapes itself, and without the line end that closes a record.
const UNSAFE_IN_JSON = /[\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
/** Fields that every record has and the line shows elsewhere, or not at all. */
const SHOWN: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'role', 'msg', 'err', 'startError'])
/** INFO and WARN are a letter shorter than the other levels. */
const PADDING: Readonly<Record<string, string>> = { '30': ' ', '40': ' ' }
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Text with every character escaped that could forge a line or reorder one. */
export function escapeControls(text: string): string {
  return text.toWellFormed().replace(UNSAFE, (c) => SHORT[c] ?? unicode(c))
}

/** A line of JSON, still the same value, with nothing in it that a terminal would obey. */
export function escapeJson(line: string): string {
  return line.replace(UNSAFE_IN_JSON, unicode)
}

const unicode = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * @param colors whether to colour; by default as the terminal and NO_COLOR or FORCE_COLOR say
 * @returns record → line, with its line end; `who` stands in for the record's role
 */
export function createPretty(colors: boolean = isColorSupported): (record: LogRecord, who?: string) => string {
  const options: PrettyOptions = {
    colorize: colors,
    translateTime: 'SYS:HH:MM:ss.l',
    // These it would show in a place of its own; the message shows all fields alike.
    ignore: 'pid,hostname,name,caller',
    hideObject: true,
    customPrettifiers: {
      time: (time) => String(time),
      level: (level, _key, record, { labelColorized }) =>
        `${labelColorized}${PADDING[String(level)] ?? ''} ${(record as { role?: string }).role ?? ''}`,
    },
    messageFormat: (record, _key, _label, extras) => message(record, extras.colors as unknown as Colors),
  }
  const render = prettyFactory(options)
  return (record, who) => render({ ...record, role: who ?? escapeControls(String(record.role ?? '')) })
}

function message(record: LogRecord, colors: Colors): string {
  const text = escapeControls(String(record.msg ?? ''))
  const fields = Object.entries(record)
    .filter(([name]) => !SHOWN.has(name))
    .map(([name, value]) => `${colors.gray(`${escapeControls(name)}=`)}${colors.reset(show(value))}`)
  const stack = stackOf(record.err)
  const line = fields.length === 0 ? text : `${text}  ${fields.join(' ')}`
  return stack === '' ? line : `${line}\n${colors.red(stack)}`
}

/** A value in the shortest form that can be read back: bare words, quoted text, JSON. */
function show(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@+-]+$/.test(value) ? value : escapeControls(JSON.stringify(value))
  return escapeControls(JSON.stringify(value) ?? String(value))
}

// The one thing that may take several lines: indented, so that none can pass for a record.
function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { stack, message: text } = error as { stack?: unknown; message?: unknown }
  return String(stack ?? text ?? '')
    .split('\n')
    .map((line) => `    ${escapeControls(line)}`)
    .join('\n')
}
