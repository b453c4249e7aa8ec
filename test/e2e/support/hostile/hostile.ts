/** A cluster as `npm start` runs it in a world that breaks on demand: processes, network, disks and clocks. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../../../src/cli/ask.ts'
import { loadConfig } from '../../../../src/platform/config.ts'
import type { Rank } from '../../../../src/protocol/replica.ts'
import { saveState, stateFile } from '../../../../src/ref/state-file.ts'
import { type Cluster, type ProcessName, startCluster } from '../cluster.ts'
import { freeOffset } from '../ports.ts'
import { waitFor } from '../wait.ts'
import { type Clocks, createClocks } from './clocks.ts'
import { type Control, createControl } from './control.ts'
import { createDisks, type Disks } from './disks.ts'
import { createNetwork, type Network, type Processes } from './network.ts'

export type HostileOptions = {
  servers?: number
  /** Which parts of the world may break; each takes its tools (tools.ts). Processes always may. */
  network?: boolean
  disks?: boolean
  clocks?: boolean
  /** A command in front of Node, for some processes. */
  prefixes?: Record<ProcessName, string[]>
  env?: Record<string, string>
}

export type Hostile = {
  cluster: Cluster
  /** server-1 … */
  servers: readonly ProcessName[]
  /** These and ref, broker, proxy. */
  names: readonly ProcessName[]
  /** Holds the data directory and what the faults need; removed by `stop`. */
  directory: string
  /** For clients: through the network's relay, if there is one. */
  brokerUrl: string
  network: Network
  disks: Disks
  clocks: Clocks
  /** Kills a process with SIGKILL, or as `end` does it, and keeps it from being started again. Resolves when it is gone. */
  takeDown(name: ProcessName, end?: (pid: number) => Promise<void>): Promise<void>
  /** Lets it start again. */
  bringUp(name: ProcessName): void
  /** Resolves when every process is ready and every server is in the view. */
  whole(limitMs?: number): Promise<void>
  stop(options?: { keepData?: boolean }): Promise<void>
}

const WHOLE_LIMIT_MS = 90_000

/** Starts it and waits until it is ready. */
export async function startHostile(options: HostileOptions = {}): Promise<Hostile> {
  const { servers: count = 3 } = options
  const directory = mkdtempSync(join(tmpdir(), 'compasso-hostile-'))
  const dataDir = join(directory, 'data')
  const servers = Array.from({ length: count }, (_, index) => `server-${index + 1}`)
  const names = ['ref', 'broker', 'proxy', ...servers]
  const base = { REPLICAS: String(count), BOTS: '0', DATA_DIR: dataDir, ...options.env }
  const portOffset = await freeOffset(base)
  const control = createControl(join(directory, 'control'))
  for (const [name, command] of Object.entries(options.prefixes ?? {})) control.prefix(name, command)
  const world = await createWorld(options, { directory, dataDir, servers, names, control, base, portOffset })
  const env = { ...base, ...control.env, ...world.network?.env }
  const cluster = await startCluster({ servers: count, env, dataDir, portOffset, preload: control.preload })
  world.started({ names, pid: cluster.pid, onRecord: cluster.onRecord })
  const hostile: Hostile = {
    ...{ cluster, servers, names, directory },
    brokerUrl: world.network?.brokerUrl ?? cluster.config.brokerUrls[0]!,
    network: part(world.network, 'network'),
    disks: part(world.disks, 'disks'),
    clocks: part(world.clocks, 'clocks'),
    takeDown: (name, end) => takeDown(cluster, control, name, end),
    bringUp: control.release,
    whole: (limitMs = WHOLE_LIMIT_MS) => whole(cluster, names, count, limitMs),
    async stop({ keepData = false } = {}) {
      try {
        await cluster.stop({ keepData: true })
      } finally {
        await world.network?.close()
        world.disks?.close()
        if (!keepData) rmSync(directory, { recursive: true, force: true })
      }
    },
  }
  try {
    await cluster.ready
  } catch (error) {
    await hostile.stop().catch(() => {})
    throw error
  }
  return hostile
}

type Site = {
  directory: string
  dataDir: string
  servers: readonly ProcessName[]
  names: readonly ProcessName[]
  control: Control
  base: Record<string, string>
  portOffset: number
}
type World = {
  network: Network | null
  disks: Disks | null
  clocks: Clocks | null
  /** To be called when there is a cluster in it. */
  started(processes: Processes): void
}

async function createWorld(options: HostileOptions, site: Site): Promise<World> {
  const { directory, dataDir, servers, names, control } = site
  let started: World['started'] = () => {}
  const processes = new Promise<Processes>((resolve) => {
    started = resolve
  })
  const config = loadConfig({ ...site.base, PORT_OFFSET: String(site.portOffset) })
  const network = options.network ? await createNetwork(config, processes) : null
  const clocks = options.clocks ? createClocks(directory, names, control) : null
  let disks: Disks | null = null
  if (options.disks) {
    nameRanks(dataDir, servers)
    disks = await createDisks(directory, dataDir, servers)
  }
  return { network, disks, clocks, started }
}

/**
 * The launcher waits for each new server's directory before it starts the next, so that ranks go by names. Disks are
 * those directories, so ref is told the ranks instead, as if it had given them in an earlier run.
 */
function nameRanks(dataDir: string, servers: readonly ProcessName[]): void {
  const ranks = servers.map((_, index) => (index + 1) as Rank)
  const names = Object.fromEntries(servers.map((server, index) => [server, ranks[index]!]))
  const directory = join(dataDir, 'ref')
  mkdirSync(directory, { recursive: true })
  saveState(stateFile(directory), { ranks, names, view: null, installed: {} })
}

/** What was not asked for is not there; who uses it all the same has made a mistake. */
function part<T extends object>(given: T | null, name: string): T {
  if (given !== null) return given
  const missing = (): never => {
    throw new Error(`this cluster was started without a ${name} that breaks`)
  }
  return new Proxy({}, { get: missing }) as T
}

async function takeDown(
  cluster: Cluster,
  control: Control,
  name: ProcessName,
  end = async (pid: number): Promise<void> => void process.kill(pid, 'SIGKILL'),
): Promise<void> {
  control.hold(name)
  const pid = cluster.pid(name)!
  await end(pid)
  await waitFor(() => !existsSync(`/proc/${pid}`), `${name} to be gone`)
}

async function whole(cluster: Cluster, names: readonly string[], servers: number, limitMs: number): Promise<void> {
  let missing: string[] = []
  await waitFor(
    async () => {
      const ready = await Promise.all(names.map((name) => cluster.isReady(name)))
      missing = names.filter((_, index) => !ready[index])
      if (missing.length > 0) return false
      const status = await ask(cluster.config.refUrl, 'status').catch(() => null)
      const members = (status?.view as { members: unknown[] } | null)?.members.length ?? 0
      if (members !== servers) missing = [`${servers - members} servers in the view`]
      return members === servers
    },
    () => `the cluster to be whole; missing: ${missing}; the log ends\n${cluster.log().slice(-4000)}`,
    limitMs,
  )
}
