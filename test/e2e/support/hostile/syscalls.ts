/** System calls of a running process that fail or take long, by way of Debian's strace. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { waitFor } from '../wait.ts'

export type Injection = {
  /** How often a call has been tampered with so far. */
  fired(): number
  /** Lets the process go. */
  stop(): Promise<void>
}

let injections = 0

/**
 * Tampers with every fsync and fdatasync of a process, in all its threads.
 * @param how `{ error }`: they fail with this code; `{ delayMs }`: they take this much longer
 */
export async function injectFsync(
  directory: string,
  pid: number,
  how: { error: string } | { delayMs: number },
): Promise<Injection> {
  const output = join(directory, `strace-${++injections}`)
  const effect = 'error' in how ? `error=${how.error}` : `delay_enter=${how.delayMs}ms`
  const calls = 'fdatasync,fsync'
  const words = ['-f', '-p', String(pid), '-o', output, '-e', `trace=${calls}`, '-e', `inject=${calls}:${effect}`]
  const strace = spawn('strace', words, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(strace, 'exit')
  let said = ''
  createInterface({ input: strace.stderr }).on('line', (line) => {
    said += `${line}\n`
  })
  await waitFor(
    () => said.includes('attached') || strace.exitCode !== null,
    () => `strace to attach to ${pid}: ${said}`,
  )
  if (!said.includes('attached')) throw new Error(`strace cannot attach to ${pid}: ${said}`)
  let stopped = false
  return {
    fired: () => readFileSync(output, 'utf8').match(/\((?:INJECTED|DELAYED)\)/g)?.length ?? 0,
    async stop() {
      if (stopped) return
      stopped = true
      strace.kill('SIGINT')
      await ended
    },
  }
}
