import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lockDirectory } from '../../../src/platform/lock.ts'
import { StartError } from '../../../src/platform/role.ts'

const root = mkdtempSync(join(tmpdir(), 'compasso-lock-'))
after(() => rmSync(root, { recursive: true, force: true }))
const lockModule = new URL('../../../src/platform/lock.js', import.meta.url).href
const locks = (directory: string): string[] => readdirSync(directory).filter((name) => name.includes('lock'))

/** Another process that takes the lock, says so, and stays until it is killed. */
function holder(directory: string) {
  const script = `
    const { lockDirectory } = await import(process.argv[1])
    lockDirectory(process.argv[2]).then(
      () => { console.log('locked'); setInterval(() => {}, 1000) },
      (error) => { console.log(error.message); process.exit(1) })`
  return spawn(process.execPath, ['--input-type=module', '-e', script, lockModule, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

test('a directory has one holder, and is free again after its release', async () => {
  const directory = join(root, 'new', 'nested')
  const lock = await lockDirectory(directory)
  await assert.rejects(lockDirectory(directory), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(error.message, /nested is in use by another process \(pid \d+ on .+\)$/)
    return true
  })
  assert.equal(locks(directory).length, 1)
  await lock.release()
  await lock.release()
  assert.deepEqual(locks(directory), [])
  await (await lockDirectory(directory)).release()
})

test('the lock of a process that was killed is taken over and its remains removed', async () => {
  const directory = join(root, 'killed')
  const child = holder(directory)
  assert.match(String((await once(child.stdout, 'data'))[0]), /^locked/)
  await assert.rejects(lockDirectory(directory), new RegExp(`in use by another process \\(pid ${child.pid} on`))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(locks(directory).length, 1)
  const lock = await lockDirectory(directory)
  assert.equal(locks(directory).length, 1)
  await lock.release()
})

test('a process that is stopped keeps its lock', async () => {
  const directory = join(root, 'stopped')
  const child = holder(directory)
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  await assert.rejects(lockDirectory(directory), /in use by another process \(not answering\)/)
  child.kill('SIGKILL')
  await once(child, 'exit')
})

test('of many that try at the same time exactly one gets it', async () => {
  const directory = join(root, 'many')
  for (let round = 0; round < 10; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => lockDirectory(directory)))
    const held = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.equal(held.length, 1)
    await held[0]!.value.release()
  }
  assert.deepEqual(locks(directory), [])
})

test('a path too long for a socket address works', { skip: process.platform !== 'linux' }, async () => {
  const directory = join(root, 'x'.repeat(120), 'y'.repeat(120))
  const lock = await lockDirectory(directory)
  await assert.rejects(lockDirectory(directory), /in use by another process/)
  await lock.release()
})

test('what cannot be a data directory is refused in one line', async () => {
  writeFileSync(join(root, 'file'), 'text')
  await assert.rejects(lockDirectory(join(root, 'file')), /file is a file, not a directory$/)
  await assert.rejects(lockDirectory(join(root, 'file', 'below')), /lies under a file$/)
  if (process.platform === 'linux')
    await assert.rejects(lockDirectory('/proc/nowhere/below'), /below cannot be made there$/)
  if (process.getuid?.() === 0) return
  mkdirSync(join(root, 'sealed'), { mode: 0o500 })
  await assert.rejects(lockDirectory(join(root, 'sealed')), /sealed is not writable for this user$/)
})
