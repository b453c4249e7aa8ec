/** Loading SERVICES_DIR: what is found there, and the one line for what cannot be loaded. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadServices } from '../../../src/platform/plugins.ts'
import { StartError } from '../../../src/platform/role.ts'
import { createApplication, NO_HOST } from '../../../src/server/services/index.ts'

const root = mkdtempSync(join(tmpdir(), 'compasso-plugins-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

function folderWith(files: Record<string, string>): string {
  const folder = join(root, `${++folders}`)
  mkdirSync(join(folder, 'lib'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const load = (folder: string | null) => loadServices(folder, (modules) => createApplication(NO_HOST, modules))
const OWN = (name: string): string => `export const plugin = ({ z, statelessService }) => ({ services: [
  statelessService({ name: '${name}', summary: 'Is.', schema: z.object({}), answer: () => ({ data: { is: '${name}' } }) })] })`

test('without a folder there are only the services of Compasso', async () => {
  assert.equal((await load(null)).services.size, createApplication().services.size)
})

test('each module directly in the folder is a plug-in; helpers below it and other files are none', async () => {
  const folder = folderWith({
    'one.mjs': `import { name } from './lib/helper.mjs'\n${OWN('one').replace("'one'", 'name')}`,
    'two.mjs': OWN('two'),
    'lib/helper.mjs': "export const name = 'one'",
    'README.md': '# mine',
    'types.d.ts': 'nonsense',
    '.hidden.mjs': 'nonsense',
  })
  const { services } = await load(folder)
  assert.deepEqual([...services.keys()].slice(-7, -5), ['one', 'two'])
})

test('TypeScript runs where Node runs it, and is one clear line where not', async () => {
  const folder = folderWith({ 'own.ts': `${OWN('own')} as { services: unknown[] }` })
  const loaded = await load(folder).then(
    ({ services }) => services.has('own'),
    (error) => error.message,
  )
  const runs = Boolean((process.features as { typescript?: unknown }).typescript)
  if (runs) assert.equal(loaded, true)
  else assert.match(loaded, /own\.ts: this Node v\S+ runs no TypeScript; make it \.mjs, or take Node 22\.18/)
})

const wrong: [what: string, files: Record<string, string>, words: RegExp][] = [
  ['a syntax error', { 'a.mjs': 'export const = 1' }, /a\.mjs cannot be loaded: /],
  ['a module that throws', { 'b.mjs': "throw new Error('no\\nstack')" }, /b\.mjs cannot be loaded: no$/],
  [
    'an import that is missing',
    { 'c.mjs': "import 'nowhere'" },
    /c\.mjs cannot be loaded: Cannot find package 'nowhere'/,
  ],
  [
    'a wrong plug-in',
    { 'd.mjs': 'export const plugin = () => ({})' },
    /: d\.mjs: plugin\.services: must be a list of services/,
  ],
]
for (const [what, files, words] of wrong)
  test(`${what} is one line that names the file`, async () => {
    await assert.rejects(load(folderWith(files)), (error) => {
      assert.ok(error instanceof StartError && !error.message.includes('\n'))
      return words.test(error.message)
    })
  })

test('a folder that is not there is one line', async () => {
  await assert.rejects(load(join(root, 'nowhere')), (error) => {
    return error instanceof StartError && /^SERVICES_DIR: .*nowhere cannot be read \(ENOENT\)$/.test(error.message)
  })
})
