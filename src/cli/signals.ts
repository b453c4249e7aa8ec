/** Ctrl-C at any moment, and a reader of our output that goes away: the command ends at once and leaves nothing behind. */
import { rmSync } from 'node:fs'
import { EXIT } from './failure.ts'

const SHOW_CURSOR = '\u001b[?25h'
/** As shells count: 128 + the signal's number. */
const CODES = { SIGINT: EXIT.interrupted, SIGTERM: 143, SIGHUP: 129 } as const

/** From now on these signals end the process, with the terminal as it was. */
export function endOnSignals(): void {
  for (const [signal, code] of Object.entries(CODES)) process.on(signal, () => leave(code))
}

const leftovers = new Set<string>()

/** A file that is not whole yet: removed should the command be ended before. @returns what says that it is */
export function onLeave(path: string): () => void {
  leftovers.add(path)
  return () => leftovers.delete(path)
}

/** Ends the process with the terminal as it was: echo, line mode and a cursor. */
export function leave(code: number): never {
  restoreTerminal()
  for (const path of leftovers) rmSync(path, { force: true })
  process.exit(code)
}

/** What a prompt or a progress bar may have changed. */
function restoreTerminal(): void {
  if (process.stdin.isTTY) process.stdin.setRawMode(false)
  if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR)
}

/** `compasso … | head`: whoever read has enough. And a disk may be full. Without this Node ends with a stack. */
export function endOnClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.ok)
      if (stream === process.stdout)
        process.stderr.write(`compasso: the output could not be written: ${error.message}\n`)
      process.exit(EXIT.failed)
    })
}
