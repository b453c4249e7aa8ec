/**
 * One process a directory: its lock is a listening Unix socket in it, so it dies with the process, however that dies,
 * and holds between containers that share the directory.
 *
 * Every candidate publishes a socket under a name that is never used again and then looks at all the others. Whoever
 * looks later sees whoever looked earlier, so two can never both find themselves alone; a socket that refuses
 * connections has lost its process and may be removed by anybody.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from './role.ts'
import { unusable } from './unusable.ts'

export type DirectoryLock = { release(): Promise<void> }

/** `sun_path` has 104 bytes on some systems, one of them a zero. */
const LONGEST_PATH = 100
const LOCK_NAME = /^lock-[0-9a-z]{9}-[0-9a-f]{8}$/
/** How long an older candidate lets younger ones give up before it does. */
const CONTEST_MS = 1000
/** How long a holder may take to say who it is; a stopped one never does. */
const INTRODUCTION_MS = 300

/**
 * Takes a directory for this process; makes it when it is missing.
 * @throws {StartError} when another process has it, or it cannot be used
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  let handle: FileHandle
  try {
    await makeDirectory(directory)
    handle = await open(directory, 'r')
  } catch (error) {
    throw unusable(directory, error)
  }
  const reach = (name: string): string => socketPath(directory, handle, name)
  let own: { name: string; server: Server } | null = null
  const release = async (): Promise<void> => {
    if (own !== null) await withdraw(directory, own)
    own = null
    await handle.close().catch(() => {})
  }
  try {
    own = await publish(directory, reach)
    await contest(directory, own.name, reach)
  } catch (error) {
    await release()
    throw error instanceof StartError ? error : unusable(directory, error)
  }
  return { release }
}

// Not mkdir's `recursive`: it never returns where the system refuses new names in a folder that is there (/proc).
async function makeDirectory(directory: string, parentIsThere = false): Promise<void> {
  try {
    await mkdir(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return
    if (code !== 'ENOENT' || parentIsThere) throw error
    await makeDirectory(dirname(directory))
    await makeDirectory(directory, true)
  }
}

/** A socket under a name of its own, listening before it can be seen. Names sort by age. */
async function publish(directory: string, reach: (name: string) => string): Promise<{ name: string; server: Server }> {
  const name = `lock-${Date.now().toString(36).padStart(9, '0')}-${randomBytes(4).toString('hex')}`
  const unseen = `.${name}`
  const server = createServer((connection) => {
    connection.on('error', () => {})
    connection.end(`pid ${process.pid} on ${hostname()}\n`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: reach(unseen), readableAll: true, writableAll: true }, resolve)
  })
  server.unref()
  await rename(join(directory, unseen), join(directory, name))
  return { name, server }
}

/** Returns once no other socket in the directory has a process; throws when another one is entitled to it. */
async function contest(directory: string, own: string, reach: (name: string) => string): Promise<void> {
  const until = Date.now() + CONTEST_MS
  for (;;) {
    const others = (await readdir(directory)).filter((name) => LOCK_NAME.test(name) && name !== own)
    let alive: { name: string; holder: string } | null = null
    for (const name of others.sort()) {
      const holder = await ask(reach(name))
      if (holder === null) await unlink(join(directory, name)).catch(() => {})
      else alive ??= { name, holder }
    }
    if (alive === null) return
    if (alive.name < own || Date.now() > until)
      throw new StartError(`${directory} is in use by another process (${alive.holder})`)
    await sleep(20)
  }
}

/** Who has a directory now (`pid 4711 on name`), or null when nobody does. Takes nothing and removes nothing. */
export async function holderOf(directory: string): Promise<string | null> {
  const handle = await open(directory, 'r')
  try {
    const names = (await readdir(directory)).filter((name) => LOCK_NAME.test(name))
    for (const name of names.sort()) {
      const holder = await ask(socketPath(directory, handle, name))
      if (holder !== null) return holder
    }
    return null
  } finally {
    await handle.close()
  }
}

/** Who listens there, or null when nobody does any more. */
function ask(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const connection = connect(path)
    let text = ''
    const finish = (holder: string | null): void => {
      connection.destroy()
      resolve(holder)
    }
    connection.setTimeout(INTRODUCTION_MS, () => finish('not answering'))
    connection.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
    })
    connection.on('end', () => finish(text.trim()))
    connection.on('error', (error: NodeJS.ErrnoException) => {
      finish(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? null : `${error.code}`)
    })
  })
}

async function withdraw(directory: string, own: { name: string; server: Server }): Promise<void> {
  await unlink(join(directory, own.name)).catch(() => {})
  await new Promise<void>((resolve) => own.server.close(() => resolve()))
}

/** A path short enough for a socket's address. */
function socketPath(directory: string, handle: FileHandle, name: string): string {
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path
  if (process.platform !== 'linux')
    throw new StartError(`${directory} has too long a name for a lock; use a shorter one`)
  return `/proc/self/fd/${handle.fd}/${name}`
}
