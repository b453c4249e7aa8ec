/** The real ref: what it must never forget, and how it does not start. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AskError, ask } from '../../src/cli/ask.ts'
import type { Data } from '../../src/protocol/envelope.ts'
import { freePorts, LIMIT_MS, local, startRole, until, withCleanup } from './broker-harness.ts'

async function newPlace(): Promise<{ env: Record<string, string | number>; url: string; directory: string }> {
  const [port] = await freePorts(1)
  const directory = mkdtempSync(join(tmpdir(), 'compasso-ref-'))
  return { env: { REF_PORT: port!, DATA_DIR: directory }, url: local(port!), directory }
}

/** Asks a ref that may not have started yet. */
async function insist(url: string, service: string, data: Data = {}): Promise<Data> {
  let answer: Data | null = null
  await until(async () => {
    answer = await ask(url, service, data).catch((error: unknown) => {
      if (error instanceof AskError) return null
      throw error
    })
    return answer !== null
  }, `an answer to ${service}`)
  return answer!
}

test('ranks survive a kill -9', async () => {
  await withCleanup(async (atEnd) => {
    const { env, url, directory } = await newPlace()
    atEnd(() => rmSync(directory, { recursive: true, force: true }))
    let ref = startRole('ref', env)
    atEnd(() => ref.stop())
    for (const [user, rank] of [
      ['ana', 1],
      ['bia', 2],
    ] as const)
      assert.equal((await insist(url, 'rank', { user })).rank, rank)
    const file = join(directory, 'ref', 'ref_servers.json')
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')).names, { ana: 1, bia: 2 })
    ref.child.kill('SIGKILL')
    await ref.stop()
    ref = startRole('ref', env)
    assert.equal((await insist(url, 'rank', { user: 'bia' })).rank, 2)
    assert.equal((await insist(url, 'rank', { user: 'ana' })).rank, 1)
    assert.equal(await ref.stop(), 0)
  })
})

test('a damaged state file stops it with one line, and stays as it is', async () => {
  await withCleanup(async (atEnd) => {
    const { env, directory } = await newPlace()
    atEnd(() => rmSync(directory, { recursive: true, force: true }))
    mkdirSync(join(directory, 'ref'))
    const file = join(directory, 'ref', 'ref_servers.json')
    writeFileSync(file, '{"ranks":[1,2')
    const ref = startRole('ref', env)
    await until(() => ref.child.exitCode !== null, 'its end')
    assert.equal(ref.child.exitCode, 1)
    const lines = ref.output().trim().split('\n')
    assert.equal(lines.length, 1, ref.output())
    assert.ok(lines[0]!.includes(file))
    assert.equal(readFileSync(file, 'utf8'), '{"ranks":[1,2')
  })
})

test('a second ref on the same directory is refused', async () => {
  await withCleanup(async (atEnd) => {
    const { env, url, directory } = await newPlace()
    atEnd(() => rmSync(directory, { recursive: true, force: true }))
    const ref = startRole('ref', env)
    atEnd(() => ref.stop())
    await insist(url, 'list')
    const [port] = await freePorts(1)
    const second = startRole('ref', { ...env, REF_PORT: port! })
    await until(() => second.child.exitCode !== null, `the end of the second (${LIMIT_MS} ms)`)
    assert.equal(second.child.exitCode, 1)
    assert.match(second.output(), /in use by another process/)
  })
})
