/** The window after a restart: the ids of the last positions, read back from the public files. */
import type { ErrorCode } from '../protocol/errors.ts'
import { DUPLICATE, type ParsedLine, parseLine, REFUSALS, SKIPPED, spans, textOf } from './lines.ts'
import { NO_OUTCOME, recorded, refusalOutcome, rememberId, SUCCESS, type Window } from './window.ts'

/** Puts the ids of public lines into a window: those of the last positions up to `position`. */
export function rememberLines(window: Window, log: string, bytes: Uint8Array, position: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const oldest = position - window.capacity
  for (const [start, end] of spans(bytes)) {
    const n = Number.parseInt(buffer.toString('latin1', start + 5, Math.min(start + 22, end)), 10)
    if (!(n > oldest) || n > position) continue
    const quick = log === SKIPPED ? null : quickId(buffer, start, end)
    if (quick !== null) {
      rememberId(window, quick, n, SUCCESS)
      continue
    }
    const line = parseLine(textOf(bytes, start, end), log)
    if (line === null) throw new Error(`${log}.jsonl has an unreadable line at position ${n}`)
    rememberId(window, line.id, n, outcomeOfLine(line))
  }
}

/** What an event that was the first of its id stands for in the window. @param code why it has no effect, or null */
export function outcomeOfFirst(log: string, code: ErrorCode | null): number {
  if (code === null) return SUCCESS
  return log === REFUSALS ? recorded(refusalOutcome(code)) : refusalOutcome(code)
}

/** What a public line stands for in the window. */
export const outcomeOfLine = ({ skipped, log }: ParsedLine): number =>
  skipped === DUPLICATE ? NO_OUTCOME : outcomeOfFirst(log, skipped as ErrorCode | null)

/** The id of a line without parsing all of it; null when it needs a real parser. */
function quickId(buffer: Buffer, start: number, end: number): string | null {
  const at = buffer.indexOf('"id":"', start, 'latin1')
  if (at === -1 || at >= end) return null
  const from = at + 6
  const to = buffer.indexOf(0x22, from)
  const id = buffer.toString('utf8', from, to)
  return id.includes('\\') ? null : id
}
