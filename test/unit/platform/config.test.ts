import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { parse } from 'dotenv'
import { ConfigError, loadConfig, VARIABLE_NAMES } from '../../../src/platform/config.ts'
import { forRank } from '../../../src/platform/per-rank.ts'

test('without any variable everything has a value that works', () => {
  const config = loadConfig({})
  assert.equal(config.brokerPort, 5555)
  assert.equal(config.healthPort, 9100)
  assert.deepEqual(config.brokerUrls, ['tcp://127.0.0.1:5555'])
  assert.deepEqual(config.proxyInUrls, ['tcp://127.0.0.1:5557'])
  assert.equal(config.refUrl, 'tcp://127.0.0.1:5559')
  assert.equal(config.advertiseHost, '127.0.0.1')
  assert.deepEqual([config.replicas, config.bots, config.botRate], [3, 2, 1])
  assert.equal(config.dataDir, resolve('data'))
  assert.equal(config.brokerRoutes.size, 0)
})

test('an offset moves every port and the addresses that follow from it, but not "any port"', () => {
  const config = loadConfig({
    PORT_OFFSET: '100',
    PEER_PORT: '0',
    BROKER_PORT: '7000',
    BROKER_ROUTES: 'mean=5566,sum=5567',
  })
  assert.equal(config.brokerPort, 7100)
  assert.deepEqual(config.brokerUrls, ['tcp://127.0.0.1:7100'])
  assert.equal(config.refPort, 5659)
  assert.equal(config.peerPort, 0)
  assert.equal(config.peerPubPort, 5661)
  assert.deepEqual(
    [...config.brokerRoutes],
    [
      ['mean', 5666],
      ['sum', 5667],
    ],
  )
})

test('several addresses are separated by commas, an empty variable is none', () => {
  const config = loadConfig({ BROKER_URL: 'tcp://a:1, tcp://b:2', LOG_LEVEL: '', REF_URL: 'tcp://ref:5559' })
  assert.deepEqual(config.brokerUrls, ['tcp://a:1', 'tcp://b:2'])
  assert.equal(config.logLevel, 'info')
  assert.equal(config.refUrl, 'tcp://ref:5559')
})

test('who binds every interface is reached by its host name', () => {
  assert.equal(loadConfig({ BIND_HOST: '0.0.0.0' }).advertiseHost, hostname())
  assert.equal(loadConfig({ BIND_HOST: '0.0.0.0', ADVERTISE_HOST: 'here' }).advertiseHost, 'here')
})

test('clocks are wrong by one number, or by one for each rank', () => {
  const { clockSkewMs, clockDriftPpm } = loadConfig({ CLOCK_SKEW_MS: '1:+3000, 2:-2000', CLOCK_DRIFT_PPM: '-12.5' })
  assert.deepEqual(
    [1, 2, 3].map((rank) => forRank(clockSkewMs, rank)),
    [3000, -2000, 0],
  )
  assert.equal(forRank(clockDriftPpm, 7), -12.5)
  assert.equal(forRank(loadConfig({}).clockSkewMs, 1), 0)
})

const skew =
  'CLOCK_SKEW_MS must be milliseconds from -86400000 to 86400000, or some for single ranks like 1:+300,2:-200'
const drift = 'CLOCK_DRIFT_PPM must be parts per million from -400 to 400, or some for single ranks like 1:+300,2:-200'

const wrong: [name: string, value: string, line: string][] = [
  ['REPLICAS', '0', 'REPLICAS must be a whole number from 1 to 99, got "0"'],
  ['REPLICAS', 'abc', 'REPLICAS must be a whole number from 1 to 99, got "abc"'],
  ['REPLICAS', '1.5', 'REPLICAS must be a whole number from 1 to 99, got "1.5"'],
  ['BOTS', '-1', 'BOTS must be a whole number from 0 to 99, got "-1"'],
  ['BROKER_PORT', '0', 'BROKER_PORT must be a whole number from 1 to 65535, got "0"'],
  ['BROKER_PORT', '99999', 'BROKER_PORT must be a whole number from 1 to 65535, got "99999"'],
  ['BOT_RATE', '0', 'BOT_RATE must be a number of messages a second above 0, at most 1000, got "0"'],
  ['BOT_RATE', '1e9', 'BOT_RATE must be a number of messages a second above 0, at most 1000, got "1e9"'],
  ['BROKER_URL', 'tcp://a:1,b', 'BROKER_URL must be tcp://host:port, several separated by commas, got "tcp://a:1,b"'],
  ['REF_URL', 'ref', 'REF_URL must be tcp://host:port, got "ref"'],
  ['BROKER_ROUTES', 'mean', 'BROKER_ROUTES must be service=port, several separated by commas, got "mean"'],
  ['BIND_HOST', 'localhost', 'BIND_HOST must be an IPv4 address, got "localhost"'],
  ['CLOCK_SKEW_MS', '3s', `${skew}, got "3s"`],
  ['CLOCK_SKEW_MS', '0:5', `${skew}, got "0:5"`],
  ['CLOCK_SKEW_MS', '1:5,', `${skew}, got "1:5,"`],
  ['CLOCK_SKEW_MS', '1:99999999', `${skew}, got "1:99999999"`],
  ['CLOCK_SKEW_MS', '1:5,2:3,1:7', 'CLOCK_SKEW_MS must be one number a rank, got "1:5,2:3,1:7"'],
  ['CLOCK_DRIFT_PPM', '500', `${drift}, got "500"`],
  ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be debug, info, warn or error, got "loud"'],
  ['LOG_FORMAT', 'xml', 'LOG_FORMAT must be pretty or json, got "xml"'],
  [
    'SERVER_NAME',
    '../x',
    'SERVER_NAME must be a name of 1 to 64 letters, digits, dots, hyphens and underscores, got "../x"',
  ],
  ['REPLICAS', 'a\nb\u202e', 'REPLICAS must be a whole number from 1 to 99, got "a\\nb\\u202e"'],
]
for (const [name, value, line] of wrong)
  test(`${name}=${JSON.stringify(value)} is refused in one line`, () => {
    assert.throws(
      () => loadConfig({ [name]: value }),
      (error: Error) => error instanceof ConfigError && error.message === line,
    )
  })

test('a port beyond the last one is refused by name', () => {
  assert.throws(() => loadConfig({ PORT_OFFSET: '1000', REF_PORT: '65000' }), {
    message: 'REF_PORT must be at most 65535 with PORT_OFFSET 1000 added, got 65000',
  })
})

test('.env.example lists every variable, and what it sets are the defaults', () => {
  // Compiled, this file is dist/test/unit/platform/config.test.js.
  const text = readFileSync(join(import.meta.dirname, '../../../../.env.example'), 'utf8')
  const listed = [...text.matchAll(/^#?([A-Z_]+)=/gm)].map((match) => match[1]!)
  assert.deepEqual(
    VARIABLE_NAMES.filter((name) => !listed.includes(name)),
    [],
  )
  assert.deepEqual(loadConfig(parse(text)), loadConfig({}))
})
