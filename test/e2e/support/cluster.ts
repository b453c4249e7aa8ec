/** The real cluster as `npm start` runs it, for tests: on ports and a data directory of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { planCluster } from '../../../src/cluster/plan.ts'
import { type Config, loadConfig } from '../../../src/platform/config.ts'
import { assertPrefixes, type PublicFiles, publicFilesIn } from './files.ts'
import { freeOffset } from './ports.ts'
import { waitFor } from './wait.ts'

export { areEqual, assertPrefixes, linesOf, type PublicFiles } from './files.ts'
export { waitFor } from './wait.ts'

export type ClusterOptions = {
  servers?: number
  bots?: number
  /** More variables, over everything else. */
  env?: Record<string, string>
  /** A data directory to use again; by default a new one, removed by `stop`. */
  dataDir?: string
  /** Ports to use again. */
  portOffset?: number
  /** A module that the launcher imports before anything else. */
  preload?: string
}
/** ref, broker, proxy, server-1 …, bot-1 … */
export type ProcessName = string
export type LogRecord = Record<string, unknown>

export type Cluster = {
  config: Config
  dataDir: string
  portOffset: number
  launcherPid: number
  /** Resolves at `cluster ready`; rejects when the launcher ends before. */
  ready: Promise<void>
  /** Every line written so far, on standard output and standard error. */
  log(): string
  /** The same as records, where they are. */
  records(): LogRecord[]
  /** Calls back for every record from now on. */
  onRecord(listener: (record: LogRecord) => void): void
  /** Process id now; undefined before its first start. */
  pid(name: ProcessName): number | undefined
  /** Signals a process; SIGKILL by default. After it died the launcher starts it again. */
  kill(name: ProcessName, signal?: NodeJS.Signals): void
  /** How often it was started. */
  starts(name: ProcessName): number
  /** Resolves once a process that was killed runs again and says it is ready. */
  back(name: ProcessName, startsBefore: number): Promise<void>
  healthUrl(name: ProcessName): string
  isReady(name: ProcessName): Promise<boolean>
  publicFiles(): PublicFiles
  /** Looks at all files now: each is a prefix of the longest. */
  assertPrefixes(): void
  /** Ends it like Ctrl-C, in at most 10 s and with exit code 0, and removes what it left. Done twice is done once. */
  stop(options?: { keepData?: boolean }): Promise<void>
  /** Kills launcher and all processes at once with SIGKILL; the data stays. */
  killAll(): Promise<void>
}

const LAUNCHER = join(import.meta.dirname, '..', '..', '..', 'src', 'cluster', 'main.js')
const READY_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 10_000

/** Starts a cluster; does not wait until it is ready. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { servers = 3, bots = 0 } = options
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'compasso-e2e-'))
  const base = { REPLICAS: String(servers), BOTS: String(bots), DATA_DIR: dataDir, LOG_FORMAT: 'json', ...options.env }
  const portOffset = options.portOffset ?? (await freeOffset(base))
  const env: Record<string, string> = { ...base, PORT_OFFSET: String(portOffset) }
  const config = loadConfig(env)
  const preloaded = options.preload === undefined ? [] : ['--import', options.preload]
  const launcher = spawn(process.execPath, [...preloaded, LAUNCHER], {
    env: { ...process.env, ...env },
    // Ctrl-C is for whoever started it, who may have something to do first.
    detached: true,
    // The channel's end stops it, so a test that fails or is killed leaves no cluster behind.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const closed = once(launcher, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const output = follow([launcher.stdout!, launcher.stderr!])
  let stopped: Promise<void> | null = null
  const stop = async (keepData: boolean): Promise<void> => {
    const from = Date.now()
    launcher.kill('SIGINT')
    const [code, signal] = await closed
    assert.equal(signal ?? code, 0, `the launcher did not end cleanly:\n${output.tail()}`)
    assert.ok(Date.now() - from < STOP_LIMIT_MS, `stopping took ${Date.now() - from} ms`)
    if (!keepData) rmSync(dataDir, { recursive: true, force: true })
  }
  const pid = (name: ProcessName): number | undefined => output.pids.get(name)?.at(-1)
  const starts = (name: ProcessName): number => output.pids.get(name)?.length ?? 0
  const healthPorts = new Map(planCluster(config, env).map((plan) => [plan.name, plan.healthPort]))
  const healthUrl = (name: ProcessName): string => `http://127.0.0.1:${healthPorts.get(name)}/healthz`
  const isReady = (name: ProcessName): Promise<boolean> =>
    fetch(healthUrl(name)).then(
      (response) => response.ok,
      () => false,
    )
  const ready = becomeReady(output, closed)
  // Whoever does not wait for it is not told about it either.
  ready.catch(() => {})
  return {
    config,
    dataDir,
    portOffset,
    launcherPid: launcher.pid!,
    ready,
    log: output.text,
    records: () => output.records,
    onRecord: (listener) => output.listeners.push(listener),
    pid,
    starts,
    healthUrl,
    isReady,
    kill: (name, signal = 'SIGKILL') => {
      const target = pid(name)
      assert.ok(target !== undefined, `${name} was never started`)
      process.kill(target, signal)
    },
    back: async (name, startsBefore) => {
      await waitFor(() => starts(name) > startsBefore, `${name} to be started again`)
      await waitFor(() => isReady(name), `${name} to be ready again`)
    },
    publicFiles: () => publicFilesIn(dataDir),
    assertPrefixes: () => assertPrefixes(publicFilesIn(dataDir)),
    stop: ({ keepData = false } = {}) => {
      stopped ??= stop(keepData)
      return stopped
    },
    killAll: async () => {
      stopped = Promise.resolve()
      launcher.kill('SIGKILL')
      for (const pids of output.pids.values()) killIfThere(pids.at(-1)!)
      await closed
      await waitFor(() => [...output.pids.values()].every((pids) => !isThere(pids.at(-1)!)), 'all processes to be gone')
    },
  }
}

async function becomeReady(output: Output, closed: Promise<[number | null, NodeJS.Signals | null]>): Promise<void> {
  let ended: string | null = null
  void closed.then(([code, signal]) => {
    ended = `code ${code}, signal ${signal}`
  })
  await waitFor(
    () => output.ready() || ended,
    () => `cluster ready; the log ends\n${output.tail()}`,
    READY_LIMIT_MS,
  )
  if (!output.ready()) throw new Error(`the launcher ended before the cluster was ready (${ended}):\n${output.tail()}`)
}

type Output = {
  records: LogRecord[]
  listeners: ((record: LogRecord) => void)[]
  pids: Map<ProcessName, number[]>
  text(): string
  tail(): string
  ready(): boolean
}

function follow(streams: NodeJS.ReadableStream[]): Output {
  const lines: string[] = []
  const records: LogRecord[] = []
  const listeners: Output['listeners'] = []
  const pids = new Map<ProcessName, number[]>()
  let ready = false
  const read = (line: string): void => {
    lines.push(line)
    if (!line.startsWith('{')) return
    const record = JSON.parse(line) as LogRecord
    records.push(record)
    if (record.process === 'cluster') {
      const name = String(record.child)
      if (record.msg === 'cluster ready') ready = true
      if (record.msg === 'started') pids.set(name, [...(pids.get(name) ?? []), Number(record.child_pid)])
    }
    for (const listener of listeners) listener(record)
  }
  for (const input of streams) createInterface({ input }).on('line', read)
  const text = (): string => lines.join('\n')
  const tail = (): string => lines.slice(-40).join('\n')
  return { records, listeners, pids, text, tail, ready: () => ready }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was gone already.
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
