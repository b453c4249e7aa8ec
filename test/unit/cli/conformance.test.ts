import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Deviation, describe, expect } from '../../../src/cli/conformance/rule.ts'
import { rulesOf } from '../../../src/cli/conformance/rules/index.ts'

const docs = join(import.meta.dirname, '..', '..', '..', '..', 'docs')
const rules = rulesOf('full')

/** As GitHub makes anchors of headings. */
const anchors = readFileSync(join(docs, 'protocol.md'), 'utf8')
  .split('\n')
  .filter((line) => /^#+ /.test(line))
  .map((line) =>
    line
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\d -]/gu, '')
      .replaceAll(' ', '-'),
  )

test('every rule has an id of its own, and a section that there is', () => {
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length)
  for (const { id, section } of rules) assert.ok(anchors.includes(section), `${id}: #${section}`)
})

test('what a rule needs is tried before it, and on the same level', () => {
  rules.forEach(({ id, needs = [], level }, index) => {
    for (const need of needs) {
      const at = rules.findIndex((rule) => rule.id === need)
      assert.ok(at >= 0 && at < index, `${id} needs ${need}`)
      if (level === 'course') assert.equal(rules[at]!.level, 'course', `${id} needs ${need}`)
    }
  })
})

test("the course's level has only its rules, and docs/conformance.md has all", () => {
  assert.ok(rulesOf('course').every(({ level }) => level === 'course'))
  const page = readFileSync(join(docs, 'conformance.md'), 'utf8')
  for (const { id, says } of rules) assert.ok(page.includes(`| \`${id}\` | ${says} |`), `| \`${id}\` | ${says} |`)
  assert.equal(page.split('\n| `').length - 1, rules.length, 'and no others')
})

test('what came is described on one line, short and harmless', () => {
  assert.equal(describe(undefined), 'nothing')
  assert.equal(describe({ a: Buffer.from('xyz'), b: new Uint8Array(2) }), '{"a":"(3 bytes)","b":"(2 bytes)"}')
  assert.equal(describe(10n ** 20n), '"100000000000000000000"')
  const shown = describe({ text: `\u001b[2J\u009b\u202e\n${'x'.repeat(1000)}` })
  assert.ok(shown.length < 260 && !/[\p{Cc}\u202e]/u.test(shown), shown)
  assert.throws(() => expect(false, 'this', 'that'), new Deviation('this', '"that"'))
})
