/** What `npm run sim:mutants` breaks must still stand in the core: a change there that moves it shows here, at once. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { applyMutant, MUTANTS } from '../../sim/mutants.ts'

test('every mutant changes one place of the compiled core', () => {
  for (const mutant of MUTANTS) {
    const source = readFileSync(new URL(`../../src/${mutant.file}`, import.meta.url), 'utf8')
    assert.notEqual(applyMutant(source, mutant), source, mutant.name)
  }
})

test('a mutant whose text is gone, or stands twice, says so', () => {
  const [mutant] = MUTANTS
  assert.throws(() => applyMutant('', mutant!), /stands 0 times in core\/ordering\.js, it must stand once/)
  assert.throws(() => applyMutant(mutant!.find.repeat(2), mutant!), /stands 2 times/)
})
