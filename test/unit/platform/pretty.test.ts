import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPretty, escapeControls, escapeJson } from '../../../src/platform/pretty.ts'

const pretty = createPretty(false)
const TIME = /^\d\d:\d\d:\d\d\.\d\d\d /

test('a record is one line: local time, level, role, message, fields', () => {
  const line = pretty({
    level: 30,
    time: 0,
    pid: 1,
    role: 'server',
    msg: 'installed',
    view: 3,
    who: 'ana',
    odd: 'a b',
    list: [1],
  })
  assert.match(line, TIME)
  assert.equal(line.replace(TIME, ''), 'INFO  server: installed  view=3 who=ana odd="a b" list=[1]\n')
})

test('a name may stand in for the role', () => {
  assert.equal(
    pretty({ level: 40, time: 0, role: 'server', msg: 'x' }, 'server-2').replace(TIME, ''),
    'WARN  server-2: x\n',
  )
})

test('no text of a user starts a line, moves the cursor or turns the direction', () => {
  const evil = 'a\n00:00:00.000 INFO  server: forged\r\u001b[2J\u0085\u2028\u202e\u2066\u200f\ud800'
  const line = pretty({ level: 30, time: 0, role: evil, msg: evil, field: evil, [evil]: 1, deep: { [evil]: [evil] } })
  assert.equal(line.split('\n').length, 2)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200f\u202e\u2066]/)
  assert.match(line, /msg|a\\n00:00:00\.000/)
})

test('a stack takes several lines, none of which can pass for a record', () => {
  const stack = 'Error: x\n00:00:00.000 INFO  server: forged\n    at here'
  const lines = pretty({ level: 60, time: 0, role: 'ref', msg: 'ref crashed', err: { stack } }).trimEnd().split('\n')
  assert.equal(lines.length, 4)
  for (const line of lines.slice(1)) assert.match(line, /^ {4}/)
})

test('in JSON the value stays the same and nothing is left that a terminal obeys', () => {
  const value = { text: 'a\u0085b\u2028c\u202ed\n' }
  const line = escapeJson(JSON.stringify(value))
  assert.equal(line, '{"text":"a\\u0085b\\u2028c\\u202ed\\n"}')
  assert.deepEqual(JSON.parse(line), value)
})

test('ordinary text in any language is left alone', () => {
  assert.equal(escapeControls('Olá, 世界 – שלום 🎵'), 'Olá, 世界 – שלום 🎵')
})
