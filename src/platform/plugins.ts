/** Loading a user's own services: every .js, .mjs and .ts file that lies directly in `SERVICES_DIR`. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Module, PluginError } from '../protocol/plugin.ts'
import { StartError } from './role.ts'
import { sha256Of } from './store-format.ts'

/** A file that has not been loaded by then waits for something that it should not wait for. */
const PATIENCE_MS = 10_000

/**
 * Loads the folder and makes what is made of it, the same for every process that needs to know the services.
 * @param folder absolute, or null when there is none
 * @throws {StartError} a line that names the file, and the field where it is one
 */
export async function loadServices<T>(folder: string | null, make: (modules: readonly Module[]) => T): Promise<T> {
  const modules = folder === null ? [] : await loadFolder(folder)
  try {
    return make(modules)
  } catch (error) {
    throw error instanceof PluginError ? new StartError(`${folder}: ${error.message}`) : error
  }
}

async function loadFolder(folder: string): Promise<Module[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    throw new StartError(`SERVICES_DIR: ${folder} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  const files = names.filter((name) => /^[^.].*\.(?:js|mjs|ts)$/.test(name) && !name.endsWith('.d.ts')).sort()
  const modules: Module[] = []
  for (const file of files) modules.push(await loadFile(join(folder, file), file))
  return modules
}

async function loadFile(path: string, file: string): Promise<Module> {
  if (file.endsWith('.ts') && !stripsTypes())
    throw new StartError(
      `${path}: this Node ${process.version} runs no TypeScript; make it .mjs, or take Node 22.18 or newer`,
    )
  try {
    const sha256 = sha256Of(await readFile(path))
    return { file, sha256, exports: await patiently(import(pathToFileURL(path).href)) }
  } catch (error) {
    const [first] = String(error instanceof Error ? error.message : error).split('\n')
    throw new StartError(`${path} cannot be loaded: ${first}`)
  }
}

const stripsTypes = (): boolean => Boolean((process.features as { typescript?: unknown }).typescript)

async function patiently<T>(loading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it is not done after ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([loading, limit])
  } finally {
    clearTimeout(timer)
  }
}
