/** The doctor's look at this machine: Node, variables, data directory, ports. */
import { constants, existsSync } from 'node:fs'
import { access, readdir, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tryPort } from '../cluster/checks.ts'
import { planCluster, portsOf } from '../cluster/plan.ts'
import { type Config, ConfigError, loadConfig, readEnvironment } from '../platform/config.ts'
import { holderOf } from '../platform/lock.ts'
import { type Finding, fine, warning, wrong } from './doctor-finding.ts'
import { portOwner } from './port-owner.ts'

/** As package.json says. */
const OLDEST_NODE = [20, 15] as const

export function checkNode(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
  if (isOld) return wrong('node', `Node ${version} is too old`, `install Node ${OLDEST_NODE.join('.')} or newer`)
  return fine('node', `Node ${version} on ${process.platform} ${process.arch}`)
}

export function checkConfig(): { config: Config | null; findings: Finding[] } {
  try {
    const config = loadConfig()
    const source = existsSync('.env') ? 'from the environment and .env' : 'from the environment; there is no .env'
    const offset = config.portOffset === 0 ? '' : `, PORT_OFFSET ${config.portOffset}`
    return { config, findings: [fine('variables', `${source}${offset}`)] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { config: null, findings: [wrong('variables', error.message, '.env.example lists what each one takes')] }
  }
}

const MIB = 1 << 20
/** Two journal segments of each of three servers, and something to say. */
const LEAST_MIB = 200
const COMFORTABLE_MIB = 1024

/** @param present who of a cluster is at the ports of this configuration */
export async function checkData({ dataDir }: Config, present: ReadonlySet<string>): Promise<Finding[]> {
  if (!existsSync(dataDir)) {
    const parent = await firstThere(dataDir)
    return [
      fine('data', `${dataDir} is not there yet, npm start makes it`),
      ...(await checkFolder(parent, 'npm start cannot make it')),
    ]
  }
  const holder = await holderOf(dataDir)
  const servers = (await readdir(dataDir)).filter((name) => /^server-\d+$/.test(name))
  const use = holder === null ? 'no npm start uses it now' : `in use by npm start (${holder})`
  const about = `${dataDir} holds ${servers.length} servers' files, ${use}`
  const elsewhere = holder !== null && present.size === 0
  const finding = elsewhere
    ? warning('data', about, 'that cluster has other ports: set PORT_OFFSET as it was for npm start')
    : fine('data', about)
  const folders = [dataDir, ...servers.map((name) => join(dataDir, name))]
  const findings = await Promise.all(folders.map((folder) => checkRights(folder, 'npm start cannot write there')))
  return [finding, ...findings.flat(), ...(await checkSpace(dataDir))]
}

async function checkFolder(folder: string, what: string): Promise<Finding[]> {
  return [...(await checkRights(folder, what)), ...(await checkSpace(folder))]
}

async function checkRights(folder: string, what: string): Promise<Finding[]> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return []
  } catch (error) {
    const why = `${folder}: ${what} (${(error as NodeJS.ErrnoException).code})`
    return [wrong('data', why, `DATA_DIR=… takes another folder, or: sudo chown -R "$USER" ${folder}`)]
  }
}

async function checkSpace(folder: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(folder)
  const free = Math.floor((bavail * bsize) / MIB)
  const found = free >= 10 * 1024 ? `${Math.floor(free / 1024)} GiB are free` : `${free} MiB are free`
  if (free < LEAST_MIB) return [wrong('disk', `only ${found}`, 'free some space, or put DATA_DIR on another disk')]
  if (free < COMFORTABLE_MIB)
    return [warning('disk', `only ${found}`, 'a cluster that chats writes about 200 bytes a message')]
  return [fine('disk', found)]
}

async function firstThere(path: string): Promise<string> {
  return existsSync(path) ? path : firstThere(dirname(path))
}

/**
 * Where nothing of the cluster runs, its ports must be free.
 * @param present who of it is there
 */
export async function checkPorts(config: Config, present: ReadonlySet<string>): Promise<Finding[]> {
  if (present.size > 0) return []
  const ports = portsOf(config, planCluster(config, readEnvironment()))
  const findings: Finding[] = []
  for (const { port, owner } of ports) {
    const code = await tryPort(config.bindHost, port)
    if (code === null) continue
    const by =
      code === 'EADDRINUSE' ? `is in use by ${portOwner(port) ?? 'another process'}` : `cannot be used (${code})`
    findings.push(
      wrong('ports', `port ${port} (${owner}) ${by}`, 'end that program, or move all ports: PORT_OFFSET=100'),
    )
  }
  return findings.length > 0 ? findings : [fine('ports', `all ${ports.length} that npm start needs are free`)]
}
