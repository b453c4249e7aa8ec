/**
 * Questions to a person: on a terminal with @clack/prompts, otherwise line by line from standard input, so that a script
 * can answer them too.
 */
import { createInterface, type Interface } from 'node:readline'
import { EXIT } from './failure.ts'
import { print } from './output.ts'
import { leave } from './signals.ts'

export type Prompter = {
  /**
   * Asks until the answer is right.
   * @param check what is wrong with an answer, or null; an empty answer is never checked
   * @returns null when the person wants to go back (Escape)
   */
  ask(question: string, check: (text: string) => string | null): Promise<string | null>
  /** Resolves when Enter is pressed, or the signal is aborted. */
  enter(signal: AbortSignal): Promise<void>
  close(): void
}

/** Standard input has ended: there will be no more answers. */
export class EndOfInput extends Error {}

export async function createPrompter(): Promise<Prompter> {
  return process.stdin.isTTY && process.stdout.isTTY ? createTerminalPrompter() : createLinePrompter()
}

type Key = { ctrl?: boolean; name?: string }

async function createTerminalPrompter(): Promise<Prompter> {
  // Only the menu needs it, and loading it takes a moment.
  const { isCancel, text } = await import('@clack/prompts')
  let last: Key = {}
  // A prompt says only that it was cancelled, not by which key.
  const note = (_: unknown, key: Key): void => {
    last = key
    if (key.ctrl === true && key.name === 'd') leave(EXIT.ok)
  }
  process.stdin.on('keypress', note)
  return {
    async ask(question, check) {
      const answer = await text({
        message: question,
        validate: (value) => {
          const trimmed = (value ?? '').trim()
          return trimmed === '' ? undefined : (check(trimmed) ?? undefined)
        },
      })
      if (!isCancel(answer)) return (answer ?? '').trim()
      if (last.ctrl === true) leave(EXIT.interrupted)
      return null
    },
    enter: (signal) =>
      withLines((lines) => {
        lines.on('SIGINT', () => leave(EXIT.interrupted))
        return nextLine(lines, signal)
      }),
    close: () => process.stdin.off('keypress', note),
  }
}

async function withLines(use: (lines: Interface) => Promise<void>): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    await use(lines)
  } finally {
    lines.close()
  }
}

const nextLine = (lines: Interface, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    lines.once('line', () => resolve())
    lines.once('close', resolve)
    signal.addEventListener('abort', () => resolve())
  })

function createLinePrompter(): Prompter {
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
  const iterator = lines[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { done, value } = await iterator.next()
    if (done === true) throw new EndOfInput()
    return value.trim()
  }
  return {
    async ask(question, check) {
      for (;;) {
        print(`${question}:`)
        const answer = await next()
        const wrong = answer === '' ? null : check(answer)
        if (wrong === null) return answer
        print(`  ${wrong}`)
      }
    },
    enter: async () => {
      await next()
    },
    close: () => lines.close(),
  }
}
