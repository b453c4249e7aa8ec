/** Damaged directories through the real opening: what is set aside, what is repaired, and what is refused. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readSegment } from '../../../src/core/journal.ts'
import { showChecked } from '../../../src/platform/checked-json.ts'
import { StartError } from '../../../src/platform/role.ts'
import { firstSaved } from '../../../src/platform/store-format.ts'
import { waitFor } from '../../e2e/support/wait.ts'
import {
  copyOf,
  fill,
  logged,
  newDirectory,
  open,
  othersWith,
  removeDirectories,
  start,
  textOf,
} from './store-harness.ts'

after(removeDirectories)

/** A stopped server with a checkpoint and something behind it. */
async function makeDirectory(): Promise<string> {
  const directory = newDirectory()
  const server = await start(directory)
  await fill(server, 150)
  await server.close()
  return directory
}

function flip(directory: string, name: string, at: number): void {
  const path = join(directory, name)
  const bytes = readFileSync(path)
  bytes[at]! ^= 1
  writeFileSync(path, bytes)
}

/** The last one with anything in it. */
function newestSegment(directory: string): string {
  const names = readdirSync(directory).filter((name) => /^journal-\d+\.jsonl$/.test(name))
  const groups = (name: string): number =>
    readSegment(readFileSync(join(directory, name)), Number(name.match(/\d+/))).groups
  const used = names.filter((name) => groups(name) > 1)
  return used.sort((a, b) => Number(a.match(/\d+/)) - Number(b.match(/\d+/))).at(-1)!
}

type Kind = 'all' | 'journal' | 'file'
const DAMAGES: Record<string, { kind: Kind; place: RegExp; damage(directory: string): void }> = {
  'a public file with another byte': {
    ...{ kind: 'file', place: /publications\.jsonl, bytes 0 to \d+: not those of its checkpoint/ },
    damage: (directory) =>
      flip(directory, 'publications.jsonl', textOf(directory, 'publications.jsonl').indexOf('number')),
  },
  'a public file with a broken line': {
    ...{
      kind: 'file',
      place: /publications\.jsonl, byte 0: no line that belongs there|publications\.jsonl, bytes 0 to/,
    },
    damage: (directory) => flip(directory, 'publications.jsonl', 0),
  },
  'a public file that was cut': {
    ...{ kind: 'file', place: /publications\.jsonl was cut at byte 10; it had \d+ bytes/ },
    damage: (directory) => truncateSync(join(directory, 'publications.jsonl'), 10),
  },
  'a public file that is missing': {
    ...{ kind: 'file', place: /logins\.jsonl is missing/ },
    damage: (directory) => rmSync(join(directory, 'logins.jsonl')),
  },
  'server.json that is missing': {
    ...{ kind: 'all', place: /server\.json is missing/ },
    damage: (directory) => rmSync(join(directory, 'server.json')),
  },
  'server.json that is no JSON': {
    ...{ kind: 'all', place: /server\.json is damaged: it does not end with its checksum/ },
    damage: (directory) => writeFileSync(join(directory, 'server.json'), '{"format":1,'),
  },
  'server.json of another rank': {
    ...{ kind: 'all', place: /server\.json is of rank 2, not 1/ },
    damage: (directory) => writeFileSync(join(directory, 'server.json'), showChecked(firstSaved(2))),
  },
  'a journal with another byte': {
    ...{ kind: 'journal', place: /journal-\d+\.jsonl, byte 0: damaged before commit 2 at byte \d+/ },
    damage: (directory) => flip(directory, newestSegment(directory), 50),
  },
  'a journal whose last group has another byte': {
    ...{ kind: 'journal', place: /journal-\d+\.jsonl, byte \d+: damaged before commit/ },
    damage: (directory) => {
      const name = newestSegment(directory)
      const bytes = readFileSync(join(directory, name))
      const { end } = readSegment(bytes, Number(name.match(/\d+/)))
      flip(directory, name, bytes.lastIndexOf('"id"', end))
    },
  },
  'a journal that was cut': {
    ...{ kind: 'journal', place: /journal-\d+\.jsonl was cut at byte 500; it had \d+ bytes/ },
    damage: (directory) => truncateSync(join(directory, newestSegment(directory)), 500),
  },
  'a journal that is missing': {
    ...{ kind: 'journal', place: /journal-\d+\.jsonl is missing/ },
    damage: (directory) => rmSync(join(directory, newestSegment(directory))),
  },
}

const contentOf = (directory: string): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'latin1')]))
const publicNames = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /^[a-z]+\.jsonl$/.test(name))
const errors = (): string[] => logged.filter(({ level }) => level === 50).map(({ msg }) => String(msg))

for (const [what, { kind, place, damage }] of Object.entries(DAMAGES)) {
  test(`${what}: alone it refuses to start and changes nothing`, async () => {
    const directory = await makeDirectory()
    damage(directory)
    const before = contentOf(directory)
    await assert.rejects(open(directory), (error: Error) => {
      assert.ok(error instanceof StartError, error.stack)
      assert.match(error.message, place)
      assert.ok(error.message.startsWith(directory) && !error.message.includes('\n'))
      return true
    })
    assert.deepEqual(contentOf(directory), before)
  })

  test(`${what}: with others it is ${kind === 'file' ? 'repaired' : 'set aside'}, loudly`, async () => {
    const directory = await makeDirectory()
    const donor = copyOf(directory)
    const whole = await start(copyOf(directory))
    const { position, digest } = whole.replica
    await whole.close()
    damage(directory)
    logged.length = 0
    const server = await open(directory, { others: othersWith(donor) })
    const [error, ...more] = errors()
    assert.deepEqual(more, [])
    assert.ok(error!.startsWith(`${directory} is damaged: `))
    if (kind === 'file') {
      // What was cut off behind the checkpoint is in the journal.
      assert.equal(server.replica.fresh, false)
      await server.install()
      assert.deepEqual([server.replica.position, server.replica.digest], [position, digest])
      for (const name of publicNames(donor)) assert.equal(textOf(directory, name), textOf(donor, name), name)
    } else {
      assert.equal(server.replica.fresh, true)
      const { checkpoint } = JSON.parse(textOf(donor, 'server.json'))
      assert.equal(server.replica.position, kind === 'journal' ? checkpoint.position : 0)
    }
    await server.close()
    // It opens again without anybody's help.
    const again = await open(directory)
    assert.equal(again.replica.position, server.replica.position)
    await again.close()
  })
}

test('a journal that is damaged: the public files stay up to the checkpoint, and the rest can be copied', async () => {
  const directory = await makeDirectory()
  const donor = copyOf(directory)
  flip(directory, newestSegment(directory), 50)
  const files = JSON.parse(textOf(directory, 'server.json')).files as Record<string, { bytes: number }>
  logged.length = 0
  const server = await open(directory, { others: othersWith(donor) })
  for (const name of publicNames(directory))
    assert.equal(readFileSync(join(directory, name)).length, files[name.slice(0, -6)]?.bytes ?? 0, name)
  assert.ok(
    logged.some(({ msg }) => /^publications\.jsonl is cut at byte \d+: the journal does not vouch/.test(String(msg))),
  )
  const other = await start(donor)
  await server.copyFrom(other)
  assert.deepEqual(server.replica.digest, other.replica.digest)
  await Promise.all([server.close(), other.close()])
  for (const name of publicNames(donor)) assert.equal(textOf(directory, name), textOf(donor, name))
})

test('two public files that nobody has alone are repaired from two others', async () => {
  const directory = await makeDirectory()
  const [one, two] = [copyOf(directory), copyOf(directory)]
  const texts = publicNames(directory).map((name) => textOf(directory, name))
  flip(one, 'logins.jsonl', 5)
  flip(two, 'publications.jsonl', 5)
  flip(directory, 'logins.jsonl', 9)
  flip(directory, 'publications.jsonl', 9)
  logged.length = 0
  const server = await open(directory, { others: othersWith(one, two) })
  assert.deepEqual(
    publicNames(directory).map((name) => textOf(directory, name)),
    texts,
  )
  await server.close()
  assert.ok(errors().some((text) => text.includes('has another digest than the checkpoint')))
  const repaired = logged.map(({ msg }) => String(msg)).filter((text) => text.includes('is repaired'))
  assert.deepEqual(repaired.map((text) => /^(\w+\.jsonl) .*: bytes 9 to 10 differed$/.exec(text)?.[1]).sort(), [
    'logins.jsonl',
    'publications.jsonl',
  ])
})

test('until somebody can give a file it waits, tells how it stands, and gives what is whole', async () => {
  const directory = await makeDirectory()
  const donor = copyOf(directory)
  flip(directory, 'publications.jsonl', 5)
  // The donor is behind, then it catches up.
  const path = join(donor, 'publications.jsonl')
  const whole = readFileSync(path)
  truncateSync(path, 1000)
  const others = othersWith(donor)
  logged.length = 0
  const opening = open(directory, { others })
  await waitFor(
    () => logged.some(({ msg }) => /^waiting for a server that can give the first \d+ bytes/.test(String(msg))),
    'a line that says so',
  )
  const standing = others.standing!
  assert.equal(standing.fresh, false)
  assert.ok(standing.position > 0 && standing.known > 0)
  assert.equal(standing.readable('publications'), null)
  const logins = standing.readable('logins')!
  assert.equal((await logins.read(0, 1 << 20)).toString(), textOf(donor, 'logins.jsonl').slice(0, logins.length))
  writeFileSync(path, whole)
  const server = await opening
  assert.deepEqual(readFileSync(join(directory, 'publications.jsonl')), whole)
  await server.close()
})

test('a repair and a setting aside that were interrupted are done by the next start', async () => {
  const directory = await makeDirectory()
  const donor = copyOf(directory)
  // The file is gone already, the new one is half made; of the journal the first file is gone, not yet the others.
  rmSync(join(directory, 'publications.jsonl'))
  writeFileSync(join(directory, 'publications.jsonl.mended'), 'half of a file')
  const [segment] = readdirSync(directory).filter((name) => /^journal-\d+\.jsonl$/.test(name))
  rmSync(join(directory, segment!))
  const server = await open(directory, { others: othersWith(donor) })
  assert.equal(server.replica.fresh, true)
  assert.equal(textOf(donor, 'publications.jsonl').startsWith(textOf(directory, 'publications.jsonl')), true)
  await server.close()
  assert.equal(existsSync(join(directory, 'publications.jsonl.mended')), false)
})

test('a public file that changes under a running server is given to nobody from there on', async () => {
  const directory = await makeDirectory()
  const server = await start(directory)
  const query = { log: 'publications', anyOf: [{}], limit: 1000, before: null, after: null }
  const { position } = server.replica
  assert.ok((await server.store.query(query, position)).items.length > 100)
  assert.ok((await server.store.copy(0, position, 1 << 20)).to > 0)
  flip(directory, 'publications.jsonl', textOf(directory, 'publications.jsonl').indexOf('number'))
  const place = /publications\.jsonl, bytes 0 to 16384: not what was written there/
  await assert.rejects(server.store.query(query, position), place)
  await assert.rejects(server.store.copy(0, position, 1 << 20), place)
  await assert.rejects(server.store.readable('publications')!.read(0, 10), place)
  // Elsewhere it is as good as ever.
  const path = join(directory, 'publications.jsonl')
  assert.deepEqual(
    await server.store.readable('publications')!.read(16_384, 16_400),
    readFileSync(path).subarray(16_384, 16_400),
  )
  truncateSync(path, 100)
  await assert.rejects(
    server.store.copy(0, position, 1 << 20),
    /publications\.jsonl ends at byte 100; \d+ were written/,
  )
  await server.close()
})
