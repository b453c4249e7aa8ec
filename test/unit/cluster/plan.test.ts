import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planCluster, portsOf, STOP_ORDER } from '../../../src/cluster/plan.ts'
import { loadConfig } from '../../../src/platform/config.ts'

const plan = (env: Record<string, string>) => planCluster(loadConfig(env), env)

test('every process has its name, role and health port', () => {
  const plans = plan({ REPLICAS: '2', BOTS: '1' })
  assert.deepEqual(
    plans.map(({ name, role, healthPort }) => [name, role, healthPort]),
    [
      ['ref', 'ref', 9100],
      ['broker', 'broker', 9101],
      ['proxy', 'proxy', 9102],
      ['console', 'console', 9103],
      ['server-1', 'server', 9111],
      ['server-2', 'server', 9112],
      ['bot-1', 'client', 9131],
    ],
  )
})

test('what a process reads from its variables is what was planned for it', () => {
  for (const { env, healthPort, role, name } of plan({
    PORT_OFFSET: '300',
    REPLICAS: '5',
    BROKER_URL: 'tcp://far:1',
  })) {
    const config = loadConfig(env)
    assert.equal(config.healthPort, healthPort)
    assert.equal(config.replicas, 5)
    assert.deepEqual(config.brokerUrls, ['tcp://far:1'])
    assert.equal(config.logFormat, 'json')
    if (role !== 'server') continue
    assert.equal(config.name, name)
    assert.deepEqual([config.peerPort, config.peerPubPort], [0, 0])
  }
})

test('no two processes share a port, however many there are', () => {
  const env = { REPLICAS: '99', BOTS: '99' }
  const ports = portsOf(loadConfig(env), plan(env)).map(({ port }) => port)
  assert.equal(new Set(ports).size, ports.length)
})

test('every role is stopped at some point', () => {
  assert.deepEqual(new Set(STOP_ORDER.flat()), new Set(plan({}).map(({ role }) => role)))
})
