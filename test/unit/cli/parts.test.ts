/** The small parts of the command line: CSV, tables, events, progress, replies. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { csvRow } from '../../../src/cli/csv.ts'
import { checkNode } from '../../../src/cli/doctor-machine.ts'
import { describeEvent } from '../../../src/cli/events.ts'
import { portOwner } from '../../../src/cli/port-owner.ts'
import { probe, requireThere } from '../../../src/cli/probe.ts'
import { bar } from '../../../src/cli/progress.ts'
import { show } from '../../../src/cli/reply.ts'
import { table } from '../../../src/platform/table.ts'

test('a CSV row quotes what needs it, and nothing else', () => {
  assert.equal(csvRow(['a', 1, null, undefined, true]), 'a,1,,,true\r\n')
  assert.equal(csvRow(['say "hi"', 'a,b', 'two\nlines', 'a\rb']), '"say ""hi""","a,b","two\nlines","a\rb"\r\n')
  assert.equal(csvRow([{ a: [1] }, [1, 2]]), '"{""a"":[1]}","[1,2]"\r\n')
})

test('a table: columns as wide as their widest cell, numbers to the right', () => {
  assert.deepEqual(
    table([
      ['name', 'n'],
      ['a', 1234],
      ['longer', 5],
    ]),
    ['name    n', 'a       1,234', 'longer      5'],
  )
})

test('an event is one line, and what somebody wrote cannot break out of it', () => {
  const event = { timestamp: Date.now(), n: 7, channel: 'cho\u001b[2Jro', user: 'a\nb', message: 'x\r\u202ey' }
  assert.match(describeEvent(event, false), /^\d\d:\d\d:\d\d {2}#7 {2}cho\\u001b\[2Jro {2}a\\nb: x\\r\\u202ey$/)
  const direct = { time: Date.UTC(2001, 1, 3, 12), src: 'ana', dst: 'rui', message: 'hi' }
  assert.match(describeEvent(direct, false), /^2001-02-03 \d\d:\d\d:\d\d {2}ana → rui: hi$/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours
  assert.match(describeEvent(direct, true), /\u001b\[\d\dmana\u001b\[39m/)
})

test('a progress bar', () => {
  assert.match(bar('exporting', 0), /^exporting {2}░{30} {2}0 %$/)
  assert.match(bar('exporting', 0.5), /^exporting {2}█{15}░{15} {2}50 %$/)
  assert.match(bar('exporting', 1), /^exporting {2}█{30} {2}100 %$/)
})

test('a value of a reply is one line', () => {
  assert.equal(show(null), '')
  assert.equal(show(['a', 2, true]), 'a, 2, true')
  assert.equal(show({ a: '\u001b' }), '{"a":"\\u001b"}')
  assert.equal(show('a\nb'), 'a\\nb')
})

test('an old Node is wrong, with what to do', () => {
  assert.equal(checkNode('20.15.0').state, 'ok')
  assert.deepEqual(checkNode('20.14.9'), {
    check: 'node',
    state: 'wrong',
    found: 'Node 20.14.9 is too old',
    next: 'install Node 20.15 or newer',
  })
})

test('who is at an endpoint: nobody, something else, something silent, ZeroMQ', async (t) => {
  const listen = async (say: Buffer | null): Promise<string> => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      if (say !== null) socket.write(say)
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    if (process.platform === 'linux') assert.match(portOwner(port)!, new RegExp(`\\(pid ${process.pid}\\)$`))
    return `tcp://127.0.0.1:${port}`
  }
  const other = await listen(Buffer.from('SSH-2.0\r\n'))
  const there = await listen(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]))
  const silent = await listen(null)
  const nobody = 'tcp://127.0.0.1:9'
  assert.deepEqual(await Promise.all([nobody, other, silent, there].map(probe)), [
    'refused',
    'other',
    'silent',
    'there',
  ])
  await requireThere('broker', [nobody, there])
  await assert.rejects(
    requireThere('broker', [nobody]),
    /^Error: no broker at tcp:\/\/127\.0\.0\.1:9 — is the cluster running\? npm start$/,
  )
  await assert.rejects(requireThere('proxy', [other]), /is no proxy — another program uses that port/)
  await assert.rejects(requireThere('proxy', [silent]), /no answer from the proxy at .* within 1\.5 s/)
})
