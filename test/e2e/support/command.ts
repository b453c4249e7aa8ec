/** `compasso` as a person runs it: a process, with what it prints and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitFor } from './wait.ts'

export const PROGRAM = join(import.meta.dirname, '..', '..', '..', '..', 'bin', 'compasso.mjs')

export type Ended = { code: number | null; out: string; errors: string }
export type Running = {
  child: ChildProcess
  out(): string
  errors(): string
  /** Resolves when it has printed this. */
  printed(text: string | RegExp): Promise<void>
  ended: Promise<Ended>
}

/** Starts it. No colours, and none of the variables of whoever runs the tests that it would read. */
export function startCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const { CI: _, ...inherited } = process.env
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...inherited, NO_COLOR: '1', ...env },
    timeout: 120_000,
  })
  let out = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([code]): Ended => ({ code, out, errors }))
  return {
    child,
    out: () => out,
    errors: () => errors,
    async printed(text) {
      const has = (): boolean => (typeof text === 'string' ? (out + errors).includes(text) : text.test(out + errors))
      await waitFor(has, () => `${text}; printed\n${out}${errors}`)
    },
    ended,
  }
}

/** Runs it to its end. @param input what it reads from standard input */
export async function compasso(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Ended> {
  const running = startCommand(args, env)
  running.child.stdin!.end(input)
  return running.ended
}
