import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { showChecked } from '../../../src/platform/checked-json.ts'
import { StartError } from '../../../src/platform/role.ts'
import { FORMAT } from '../../../src/platform/store-format.ts'
import { copyOf, fill, newDirectory, removeDirectories, start, textOf } from './store-harness.ts'

after(removeDirectories)

test('what was written is there after every restart, with checkpoints and without', async () => {
  const directory = newDirectory()
  let position = 0
  for (const publications of [0, 3, 300, 2, 120]) {
    const server = await start(directory)
    assert.equal(server.replica.position, position)
    await fill(server, publications)
    position = server.replica.position
    const { digest } = server.replica
    await server.close()
    const again = await start(directory)
    assert.deepEqual([again.replica.position, again.replica.digest], [position, digest])
    await again.close()
  }
  const lines = ['publications', 'logins', 'channels'].flatMap((name) =>
    textOf(directory, `${name}.jsonl`).trim().split('\n'),
  )
  const positions = lines.map((line) => JSON.parse(line).n as number).sort((a, b) => a - b)
  assert.deepEqual(
    positions,
    Array.from({ length: position }, (_, i) => i + 1),
  )
})

test('one that was asked for lines beyond its own gives them once it has them', async () => {
  const server = await start(newDirectory())
  await fill(server, 3)
  const { position } = server.replica
  for (const beyond of [0, 1, 4]) {
    const none = await server.store.copy(position + beyond, position + beyond, 1 << 20)
    assert.deepEqual([none.to, none.files], [position + beyond, []])
  }
  await fill(server, 8)
  for (const beyond of [0, 1, 4]) {
    const from = position + beyond
    const { to, files } = await server.store.copy(from, server.replica.position, 1 << 20)
    assert.equal(to, server.replica.position)
    assert.equal(files.flatMap(([, lines]) => Buffer.from(lines).toString().trim().split('\n')).length, to - from)
  }
  await server.close()
})

test('server.json says what sha256sum says, and registry.json where it stands', async () => {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 200)
  await server.close()
  const saved = JSON.parse(textOf(directory, 'server.json'))
  const registry = JSON.parse(textOf(directory, 'registry.json'))
  assert.equal(registry.position, saved.checkpoint.position)
  assert.ok(saved.checkpoint.position > 0)
  for (const [name, { bytes, sha256 }] of Object.entries<{ bytes: number; sha256: string }>(saved.files)) {
    const part = readFileSync(join(directory, `${name}.jsonl`)).subarray(0, bytes)
    assert.equal(createHash('sha256').update(part).digest('hex'), sha256)
  }
})

test('a process that was killed shortens nothing; what only its journal holds comes back', async () => {
  const running = newDirectory()
  const server = await start(running, { checkpointBytes: 1 << 20 })
  await fill(server, 50)
  // As after kill -9. Then a power cut takes what was not fsynced of the public file, and tears a line.
  const directory = copyOf(running)
  const { position, digest } = server.replica
  await server.close()
  const path = join(directory, 'publications.jsonl')
  const whole = readFileSync(path)
  truncateSync(path, whole.length - 1000)
  const again = await start(directory, { checkpointBytes: 1 << 20 })
  assert.equal(again.replica.position, position)
  assert.deepEqual(again.replica.digest, digest)
  assert.deepEqual(readFileSync(path), whole)
  await again.close()
})

test('lines that nobody journalled are cut', async () => {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 20)
  await server.close()
  const { position } = server.replica
  const line = `{"n":${position + 1},"clock":9999,"origin":"server-9@9","seq":1,"id":"x","time":1,"user":"u"}\n`
  appendFileSync(join(directory, 'publications.jsonl'), line)
  const again = await start(directory)
  assert.equal(again.replica.position, position)
  assert.ok(!textOf(directory, 'publications.jsonl').includes('server-9'))
  await again.close()
})

test('without its snapshot the state comes from the public lines', async () => {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 100)
  const { state } = server.replica
  await server.close()
  rmSync(join(directory, 'registry.json'))
  const again = await start(directory)
  assert.deepEqual(again.replica.state, state)
  await again.close()
})

test('a directory of another version is left alone', async () => {
  for (const text of [showChecked({ format: FORMAT + 1, rank: 1, anything: true })]) {
    const directory = newDirectory()
    writeFileSync(join(directory, 'server.json'), text)
    await assert.rejects(
      start(directory),
      (error) => error instanceof StartError && /format \d, of another version/.test(error.message),
    )
    assert.deepEqual(readdirSync(directory), ['server.json'])
  }
})

/** A stopped server's directory. */
async function makeDirectory(): Promise<string> {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 5)
  await server.close()
  return directory
}

const refusal = (text: RegExp) => (error: Error) => {
  assert.ok(error instanceof StartError, error.stack)
  assert.match(error.message, text)
  return true
}

test('a directory in the place of a file is said in one line', async () => {
  for (const file of ['publications.jsonl', 'server.json', 'journal']) {
    const directory = await makeDirectory()
    const name = readdirSync(directory).filter((one) => one.startsWith(file) && !one.endsWith('.free'))[0]!
    rmSync(join(directory, name))
    mkdirSync(join(directory, name))
    await assert.rejects(start(directory), refusal(new RegExp(`${name}.* is a directory, not a file$`)))
  }
})

test('files of somebody else are said in one line', async () => {
  for (const file of ['publications.jsonl', 'server.json', 'journal']) {
    const directory = await makeDirectory()
    const name = readdirSync(directory).filter((one) => one.startsWith(file) && !one.endsWith('.free'))[0]!
    chmodSync(directory, 0o777)
    chmodSync(join(directory, name), 0)
    const isRoot = process.geteuid!() === 0
    // Root may read everything; nobody may not.
    if (isRoot) process.seteuid!(65_534)
    try {
      await assert.rejects(
        start(directory),
        refusal(new RegExp(`${name}.* is not readable and writable for this user$`)),
      )
    } finally {
      if (isRoot) process.seteuid!(0)
    }
  }
})
