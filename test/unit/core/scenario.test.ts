/** Every scenario in test/scenario does what its text says. `UPDATE=1` writes what happens instead of comparing. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runScenario } from '../../scenario/run.ts'

const folder = join(import.meta.dirname, '../../../../test/scenario')

for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
  test(`scenario ${name}`, () => {
    const text = readFileSync(join(folder, name), 'utf8')
    const happened = runScenario(text)
    if (process.env.UPDATE === '1') writeFileSync(join(folder, name), happened)
    else assert.equal(text, happened)
  })
}
