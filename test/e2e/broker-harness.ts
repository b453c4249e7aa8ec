/** Starts the real processes for the tests of broker and proxy, on free ports, and ends them. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** The compiled sources: this file runs from dist/test/e2e. */
const dist = fileURLToPath(new URL('../../', import.meta.url))
export const root = fileURLToPath(new URL('../../../', import.meta.url))
export const LIMIT_MS = 30_000

export type Running = {
  child: ChildProcess
  /** What it wrote so far. */
  output(): string
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ports.push((server.address() as { port: number }).port)
  }
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}

export const local = (port: number): string => `tcp://127.0.0.1:${port}`

/** Runs a role's main.js with the environment given. */
export function startRole(role: string, env: Record<string, string | number>): Running {
  const given = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]))
  const child = spawn(process.execPath, [`${dist}src/${role}/main.js`], {
    env: { PATH: process.env.PATH, BIND_HOST: '127.0.0.1', LOG_FORMAT: 'json', HEALTH_PORT: '0', ...given },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return watch(child)
}

/** Follows a child's output. */
export function watch(child: ChildProcess): Running {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk))
  const exited = once(child, 'exit')
  return {
    child,
    output: () => text,
    async stop() {
      child.kill('SIGTERM')
      await exited
      return child.exitCode
    },
  }
}

/** Waits for a condition. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const limit = Date.now() + LIMIT_MS
  while (!(await condition())) {
    assert.ok(Date.now() < limit, `still waiting: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export async function health(port: number): Promise<{ status: number; body: Record<string, unknown> } | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  } catch {
    return null
  }
}

/** Runs a test's body and then, whatever happened, what it said should be done at the end, newest first. */
export async function withCleanup(body: (atEnd: (undo: () => unknown) => void) => Promise<void>): Promise<void> {
  const undos: (() => unknown)[] = []
  try {
    await body((undo) => undos.push(undo))
  } finally {
    for (const undo of undos.reverse()) await undo()
  }
}

/** Whether Debian's Python can do it; in CI it must. */
export function pythonIsMissing(): string | false {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import zmq, msgpack'], { stdio: 'pipe' })
    return false
  } catch (error) {
    if (process.env.CI) throw error
    return 'python3-zmq and python3-msgpack are not installed'
  }
}
