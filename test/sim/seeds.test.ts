import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runSeed } from '../../sim/cluster.ts'
import { PROFILE_NAMES } from '../../sim/weather.ts'

type Kept = { seed: number; profile: string; found: string }
const kept: Kept[] = JSON.parse(readFileSync(new URL('../../../sim/seeds.json', import.meta.url), 'utf8'))

const check = (seed: number, profile: string) => {
  const { failures, trace } = runSeed(seed, { profile })
  const again = `npm run sim -- --seed ${seed} --profile '${profile}'`
  assert.deepEqual(failures, [], `${again}\n${trace.slice(-40).join('\n')}`)
}

for (const { seed, profile, found } of kept)
  test(`kept seed ${seed} (${profile}): ${found}`, () => check(seed, profile))

/** A few hundred in all. */
for (const profile of PROFILE_NAMES) {
  test(`seeds in the weather "${profile}"`, () => {
    for (let seed = 1; seed <= 10; seed++) check(seed, profile)
    for (let seed = 1; seed <= 3; seed++) check(seed, `${profile}, moody`)
  })
}

test('the same seed gives the same run', () => {
  const once = runSeed(7, { profile: 'storm', trace: true })
  assert.ok(once.shiviz.length > 100)
  assert.deepEqual(once, runSeed(7, { profile: 'storm', trace: true }))
})
