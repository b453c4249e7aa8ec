/** What faults are made with. In CI all of it must be there; elsewhere a missing tool is one clear line. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'

/** What a kind of fault needs. */
export type Tool = 'strace' | 'faketime' | 'disks' | 'proc'

const run = promisify(execFile)

/** Runs a program. @throws with what it wrote on standard error */
export async function tool(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(program, args, { timeout: 30_000 })
  return stdout
}

/** Debian's libfaketime for processes with threads, or null. */
export function findFaketime(): string | null {
  const folders = ['/usr/lib', ...below('/usr/lib')].map((folder) => `${folder}/faketime/libfaketimeMT.so.1`)
  return folders.find((path) => existsSync(path)) ?? null
}

const below = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).map(({ name }) => `${folder}/${name}`) : []

const WHY_NOT: Readonly<Record<Tool, () => string | null>> = {
  strace: () => canRun('strace', '-V') ?? notRoot('attaching to other processes'),
  faketime: () => (findFaketime() === null ? "Debian's package libfaketime is not installed" : null),
  disks: () => canRun('mkfs.ext4', '-V') ?? canRun('perl', '-v') ?? notRoot('mounting file systems') ?? noLoop(),
  proc: () => (existsSync('/proc/net/tcp') ? null : 'this system has no /proc/net/tcp'),
}

const canRun = (program: string, argument: string): string | null => {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' })
    return null
  } catch {
    return `${program} is not installed, or not to be found`
  }
}
const notRoot = (what: string): string | null => (process.getuid?.() === 0 ? null : `${what} takes root`)
const noLoop = (): string | null => (existsSync('/dev/loop-control') ? null : 'there are no loop devices')

/**
 * Why some of the tools cannot be used, or false: what `skip` of a test takes.
 * @throws in CI, where nothing may be missing
 */
export function isMissing(...tools: Tool[]): string | false {
  const reasons = tools.map((name) => WHY_NOT[name]()).filter((reason) => reason !== null)
  if (reasons.length === 0) return false
  if (process.env.CI) throw new Error(reasons.join('; '))
  return reasons.join('; ')
}
