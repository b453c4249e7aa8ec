/** Looking at something again and again, until Ctrl-C: on a terminal, in a file, or for programs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { escapeControls } from '../platform/pretty.ts'
import { Failure } from './failure.ts'
import { print, printJsonLine } from './output.ts'
import { openScreen, type Screen } from './screen.ts'

export type Watched<T> = {
  /** Looks. A Failure is shown and does not end it: what is away may come back. */
  read(): Promise<T>
  /** What people see of it; text of others is escaped. */
  lines(seen: T): string[]
  /** What is drawn below those on a terminal. */
  plot?(screen: Screen, above: number): string[]
  /** What programs see; also of a Failure, by its message. */
  json(seen: T | { error: string }): Record<string, unknown>
}

/** @param seconds between two looks  @param json one line each time, for programs */
export async function watch<T>(
  seconds: number,
  json: boolean,
  { read, lines, plot, json: asJson }: Watched<T>,
): Promise<never> {
  const screen = process.stdout.isTTY === true && !json ? openScreen(process.stdout) : null
  for (;;) {
    const seen = await read().catch((error: unknown) => {
      if (error instanceof Failure) return error
      throw error
    })
    const head = `${new Date().toLocaleTimeString('en-GB')}, every ${seconds} s, Ctrl-C ends`
    if (json) printJsonLine(asJson(seen instanceof Failure ? { error: seen.message } : seen))
    else {
      const shown = [head, ...(seen instanceof Failure ? [escapeControls(seen.message)] : lines(seen))]
      if (screen === null) print(shown.join('\n'))
      else screen.draw([...shown, ...(plot?.(screen, shown.length) ?? [])])
    }
    await sleep(seconds * 1000)
  }
}
