/** What disks do wrong, by devices that do it: /dev/full has no room, /dev/null cannot be fsynced, a closed file fails. */
import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { createWriter } from '../../../src/platform/journal-writer.ts'
import { waitFor } from '../../e2e/support/wait.ts'

function writerTo(path: string) {
  const seen = { failures: [] as string[], full: 0, done: 0 }
  const writer = createWriter({
    onFailure: (error) => seen.failures.push(String((error as NodeJS.ErrnoException).code)),
    onFull: () => seen.full++,
  })
  const descriptor = openSync(path, 'r+')
  const put = (bytes: number): boolean => writer.put(descriptor, Buffer.alloc(bytes), 0, () => seen.done++)
  return { seen, put, close: () => closeSync(descriptor) }
}

for (const bytes of [100, 100_000]) {
  test(`${bytes} bytes that find no room are tried again and never said to be durable`, async () => {
    const { seen, put, close } = writerTo('/dev/full')
    assert.equal(put(bytes), false)
    await waitFor(() => seen.full >= 2, 'the journal')
    close()
    assert.deepEqual([seen.done, seen.failures], [0, []])
  })

  test(`${bytes} bytes that cannot be fsynced end it`, async () => {
    const { seen, put, close } = writerTo('/dev/null')
    assert.equal(put(bytes), false)
    await waitFor(() => seen.failures.length > 0, 'the journal')
    close()
    assert.deepEqual([seen.done, seen.full, seen.failures[0]], [0, 0, 'EINVAL'])
  })

  test(`${bytes} bytes that cannot be written end it`, async () => {
    const { seen, put, close } = writerTo('/dev/null')
    close()
    assert.equal(put(bytes), false)
    await waitFor(() => seen.failures.length > 0, 'the journal')
    assert.deepEqual([seen.done, seen.full, seen.failures[0]], [0, 0, 'EBADF'])
  })
}
