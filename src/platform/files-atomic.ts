/**
 * Replacing a small file so that a crash or a power cut leaves either the old content or the new one: written beside it,
 * fsynced, renamed over it, and the folder fsynced, since the new name is the folder's content.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isFull } from './journal-writer.ts'

const RETRY_MS = 1000

/** Durable when it returns. */
export function replaceFileSync(path: string, text: string): void {
  const temporary = `${path}.new`
  const file = openSync(temporary, 'w')
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Durable when it resolves. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncPath(dirname(path))
}

/** Makes durable what was written to a file, or which names a folder has. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Does something that needs room on the disk; without room it is tried again every second. */
export async function retryWhenFull<T>(work: () => Promise<T>, onFull: () => void): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isFull(error as Error)) throw error
      onFull()
      await sleep(RETRY_MS)
    }
  }
}
