/** Wall clocks that jump: each process reads how far its own is off from a file, by way of Debian's libfaketime. */
import { join } from 'node:path'
import { type Control, replace } from './control.ts'
import { findFaketime } from './tools.ts'

export type Clocks = {
  /** Sets how far a process's clock is ahead of the real one, seconds; it notices within about a second. */
  set(name: string, seconds: number): void
}

/** Clocks for these processes, which must not have been started yet. */
export function createClocks(directory: string, names: readonly string[], control: Control): Clocks {
  const library = findFaketime()
  if (library === null) throw new Error('libfaketime is not installed')
  const path = (name: string): string => join(directory, `${name}.clock`)
  const set = (name: string, seconds: number): void =>
    replace(path(name), `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`)
  for (const name of names) {
    set(name, 0)
    // Somebody who sets a machine's clock moves its wall clock only: time limits run by another one.
    const variables = [
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${path(name)}`,
      'FAKETIME_CACHE_DURATION=1',
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
      'NO_FAKE_STAT=1',
    ]
    control.prefix(name, ['env', ...variables])
  }
  return { set }
}
