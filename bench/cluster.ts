/** A cluster for measuring: its own ports, its own data directory, stopped and removed at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compareServers, serversIn } from '../src/cli/compare.ts'
import { freeOffset } from '../test/e2e/support/ports.ts'

export type BenchCluster = {
  brokerUrl: string
  pids(): Record<string, number>
  /** Whether all servers' files are the same, waiting a while for the last lines. */
  filesAreEqual(): Promise<boolean>
  stop(): Promise<void>
}

export async function startBenchCluster(servers: number): Promise<BenchCluster> {
  const dataDir = mkdtempSync(join(tmpdir(), 'compasso-bench-'))
  const own = { REPLICAS: String(servers), BOTS: '0', DATA_DIR: dataDir, LOG_FORMAT: 'json', LOG_LEVEL: 'info' }
  const offset = await freeOffset(own)
  const launcher = spawn(process.execPath, [join(import.meta.dirname, '../src/cluster/main.js')], {
    env: { ...process.env, ...own, PORT_OFFSET: String(offset) },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  await ready(launcher)
  return {
    brokerUrl: `tcp://127.0.0.1:${5555 + offset}`,
    pids: () => childrenOf(launcher.pid!),
    async filesAreEqual() {
      for (let attempt = 0; attempt < 100; attempt++) {
        const report = await compareServers(dataDir, await serversIn(dataDir))
        if (report.every((file) => file.servers.every((server) => server.sha256 === file.servers[0]?.sha256)))
          return true
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      return false
    },
    async stop() {
      launcher.kill('SIGTERM')
      if (launcher.exitCode === null) await once(launcher, 'exit')
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function ready(launcher: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    createInterface({ input: launcher.stdout! }).on('line', (line) => {
      if (line.includes('cluster ready')) resolve()
    })
    launcher.once('exit', (code) => reject(new Error(`the cluster ended with code ${code}`)))
  })
}

/** The roles' process ids, read from their command lines (…/server/main…). */
function childrenOf(parent: number): Record<string, number> {
  const pids: Record<string, number> = {}
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue
      const role = /\/(\w+)\/main\.js/.exec(readFileSync(`/proc/${entry}/cmdline`, 'utf8'))?.[1]
      if (role === undefined) continue
      const same = Object.keys(pids).filter((name) => name.startsWith(role)).length
      pids[role === 'server' ? `server-${same + 1}` : role] = Number(entry)
    } catch {
      // A process that ended meanwhile.
    }
  }
  return pids
}
