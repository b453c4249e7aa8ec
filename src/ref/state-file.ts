/** `data/ref/ref_servers.json`: what ref must never forget. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Persisted, readPersisted } from '../core/ref_state.ts'
import { readChecked, showChecked } from '../platform/checked-json.ts'
import { replaceFileSync } from '../platform/files-atomic.ts'
import { StartError } from '../platform/role.ts'

export const stateFile = (directory: string): string => join(directory, 'ref_servers.json')

/**
 * Reads the state; null when there is none yet.
 * @throws {StartError} when it is damaged: it decides who is in the cluster, so guessing would be worse than not starting
 */
export function loadState(path: string): Persisted | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new StartError(`${path} cannot be read: ${(error as Error).message}`)
  }
  try {
    return readPersisted(readChecked(text))
  } catch (error) {
    const why = (error as Error).message.replace(/\s+/g, ' ')
    throw new StartError(
      `${path} is damaged: ${why}. Put a good copy in its place, or move it away: then ref learns anew from the servers`,
    )
  }
}

/** Writes the state; durable when it returns. */
export const saveState = (path: string, state: Persisted): void => replaceFileSync(path, showChecked(state))
