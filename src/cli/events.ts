/** One line for what somebody said, in a terminal or not. */
import { isColorSupported } from 'pino-pretty'
import type { Data } from '../client/client.ts'
import { escapeControls } from '../platform/pretty.ts'
import { readTimestamp } from '../protocol/envelope.ts'

/** Bright and plain, without red, which is for errors. */
const COLOURS = [36, 32, 33, 35, 34, 96, 92, 93, 95, 94]
const GRAY = 90

/** `18:03:01  #52  choro  ana: Good evening`; the position only where there is one. @param colours by default as the terminal is */
export function describeEvent(event: Data, colours: boolean = isColorSupported): string {
  const paint = (text: string, code: number): string => (colours ? `\u001b[${code}m${text}\u001b[39m` : text)
  const who = (name: unknown): string => paint(escapeControls(String(name)), colourOf(String(name)))
  const parts = [paint(timeOf(event), GRAY)]
  if (typeof event.n === 'number') parts.push(paint(`#${event.n}`, GRAY))
  const text = escapeControls(String(event.message))
  if (event.channel !== undefined)
    parts.push(paint(escapeControls(String(event.channel)), GRAY), `${who(event.user)}: ${text}`)
  else parts.push(`${who(event.src)} → ${who(event.dst)}: ${text}`)
  return parts.join('  ')
}

/** Local time of day; with the date when that is another day. */
function timeOf(event: Data): string {
  const ms = readTimestamp(event.time ?? event.timestamp)
  if (ms === null) return '--:--:--'
  const time = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
  if (time.toDateString() === new Date().toDateString()) return clock
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`
}

/** Everybody keeps a colour. */
function colourOf(name: string): number {
  let sum = 0
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)!) % 65_521
  return COLOURS[sum % COLOURS.length]!
}
