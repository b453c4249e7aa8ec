/** Who may ask the gateway: programs of this machine and its own pages, not whatever page a browser shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asked, refusalOf } from '../../../src/console/guard.ts'

const nothing: Asked = { host: 'localhost:8080', origin: undefined, site: undefined, mode: undefined }
const options = { corsOrigin: 'https://app.example.org', ownName: 'music.example.org' }
const ask = (more: Partial<Asked>) => refusalOf({ ...nothing, ...more }, options)

test('addresses, local names and the own name are hosts; domains, which can be rebound, are not', () => {
  for (const host of [
    ...[
      'localhost',
      'LOCALHOST:1',
      'localhost.',
      'a.localhost:8080',
      '127.0.0.1:8080',
      '10.0.0.7',
      '[::1]:8080',
      '[::1]',
    ],
    ...['console:8080', 'music.example.org', 'Music.example.org:80'],
  ])
    assert.equal(ask({ host }), null, host)
  for (const host of [
    ...['evil.com', 'evil.com:8080', '127.0.0.1.evil.com', 'localhost.evil.com', '1.2.3', 'xlocalhost.com', '', ':80'],
    ...['[evil.com]', 'a:b:c', 'user@localhost.evil.com', 'evil.localhost.com'],
  ])
    assert.match(ask({ host }) ?? 'let in', /^this is not /, host)
  assert.equal(ask({ host: undefined }), null, 'HTTP/1.0, which no browser speaks')
})

test('pages of the gateway itself and of the one origin that is allowed may ask', () => {
  assert.equal(ask({ origin: 'http://localhost:8080', site: 'same-origin' }), null)
  assert.equal(ask({ origin: 'https://localhost:8080' }), null, 'behind something that does TLS')
  assert.equal(ask({ origin: 'https://app.example.org', site: 'cross-site' }), null)
  for (const origin of [
    'http://evil.com',
    'null',
    'http://localhost:8081',
    'http://app.example.org',
    'https://app.example.org:444',
    '',
  ])
    assert.match(ask({ origin }) ?? 'let in', /^pages of /, origin)
  assert.match(
    refusalOf({ ...nothing, origin: 'https://app.example.org' }, { ...options, corsOrigin: null })!,
    /^pages of/,
  )
})

test('what a page elsewhere loads without saying where it is from is refused, a link is not', () => {
  assert.match(ask({ site: 'cross-site', mode: 'no-cors' }) ?? 'let in', /other sites/)
  assert.match(ask({ site: 'same-site', mode: 'no-cors' }) ?? 'let in', /other sites/)
  assert.equal(ask({ site: 'cross-site', mode: 'navigate' }), null)
  assert.equal(ask({ site: 'same-origin', mode: 'cors' }), null)
  assert.equal(ask({ site: 'none', mode: 'navigate' }), null)
})
