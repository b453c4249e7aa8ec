/**
 * A user's own services: each file of `SERVICES_DIR` exports `plugin`, a function that is given the kit and returns
 * `{ services, create? }`. What it returns is checked here, with errors that name file and field; what its functions
 * return later is checked in guard.ts.
 */
import { z } from 'zod'
import { isMap } from '../../protocol/envelope.ts'
import { quote } from '../../protocol/errors.ts'
import { type Module, PluginError } from '../../protocol/plugin.ts'
import { firstLine, type Service } from '../../protocol/service.ts'
import { KIT } from './kit.ts'

export type Plugin = {
  /** The file without its ending: the name of its state in snapshots. */
  name: string
  file: string
  sha256: string
  services: readonly Service<unknown>[]
  /** The state it begins with, a JSON value that its `apply` changes in place. */
  create(): unknown
}

type AnyFunction = (...given: never[]) => unknown
const fn = z.custom<AnyFunction>((value) => typeof value === 'function', 'must be a function')
const json = z.custom<Record<string, unknown>>(isMap, 'must be a map')
const base = {
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_.-]{0,63}$/, 'must be 1 to 64 lower-case letters, digits, dots, hyphens, underscores'),
  summary: z.string('must be text').min(1, 'must say what the service does'),
  schema: z.custom((value) => isMap(value) && '_zod' in value && 'safeParse' in value, 'must be a zod schema'),
}
const log = z
  .string('must be the name of a public file, without .jsonl')
  .regex(/^[a-z][a-z_]{0,63}$/, 'must be 1 to 64 lower-case letters and underscores')
const written = {
  ...base,
  log,
  prepare: fn,
  apply: fn.optional(),
  describe: fn.optional(),
  success: json,
  publication: z.strictObject({ topic: fn, map: fn }).optional(),
}
const SERVICE = z.discriminatedUnion(
  'ack',
  [
    z.strictObject({ ...base, ack: z.literal('stateless'), answer: fn }),
    z.strictObject({ ...base, ack: z.literal('read'), read: fn }),
    z.strictObject({ ...written, ack: z.literal(['durable', 'ordered']) }),
  ],
  "must be 'stateless', 'read', 'durable' or 'ordered'",
)
const PLUGIN = z.strictObject({
  services: z.array(SERVICE, 'must be a list of services').min(1, 'must have at least one service'),
  create: fn.optional(),
})

/**
 * @param taken names of services and of public files that there are already
 * @throws {PluginError}
 */
export function readPlugins(
  modules: readonly Module[],
  taken: { services: Iterable<string>; logs: Iterable<string> },
): Plugin[] {
  const services = new Map([...taken.services].map((name) => [name, 'Compasso']))
  const logs = new Map([...taken.logs, 'skipped', 'refusals'].map((name) => [name, 'Compasso']))
  const names = new Map<string, string>()
  return modules.map((module) => {
    const plugin = readPlugin(module)
    const { file } = plugin
    claim(names, plugin.name, file, `the name ${quote(plugin.name)}`)
    for (const [index, service] of plugin.services.entries()) {
      claim(services, service.name, file, `services.${index}.name: service ${quote(service.name)}`)
      if (!('log' in service)) continue
      if (logs.get(service.log) !== file)
        claim(logs, service.log, file, `services.${index}.log: file ${quote(service.log)}`)
      const sharing = plugin.services.find((one) => 'log' in one && one.log === service.log)
      if (sharing !== undefined && 'apply' in sharing && sharing.apply !== service.apply)
        throw new PluginError(
          `${file}: services.${index}.apply must be the one of ${sharing.name}: they share ${service.log}.jsonl`,
        )
    }
    return plugin
  })
}

function claim(owners: Map<string, string>, name: string, file: string, what: string): void {
  const owner = owners.get(name)
  if (owner !== undefined) throw new PluginError(`${file}: ${what} is taken by ${owner}`)
  owners.set(name, file)
}

function readPlugin({ file, sha256, exports }: Module): Plugin {
  if (typeof exports.plugin !== 'function')
    throw new PluginError(
      `${file}: plugin must be exported, a function: export const plugin = (kit) => ({ services: [ … ] })`,
    )
  let made: unknown
  try {
    made = returned(exports.plugin(KIT))
  } catch (error) {
    throw new PluginError(`${file}: plugin failed: ${firstLine(error)}`)
  }
  const checked = PLUGIN.safeParse(made)
  if (!checked.success) {
    const { path, message } = checked.error.issues[0]!
    throw new PluginError(`${file}: ${['plugin', ...path].join('.')}: ${message}`)
  }
  const { services, create = () => null } = checked.data
  try {
    checkState(returned(create()))
  } catch (error) {
    throw new PluginError(`${file}: plugin.create: it must return a JSON value: ${firstLine(error)}`)
  }
  return { name: file.replace(/\.\w+$/, ''), file, sha256, services: services as Service<unknown>[], create }
}

/** A Map, a Date or NaN would come back from a snapshot as something else, and then servers would decide differently. */
function checkState(state: unknown): void {
  if (state instanceof Promise) throw new Error('it must not be asynchronous')
  // First, since what contains itself ends here.
  JSON.stringify(state)
  if (!isJson(state ?? null)) throw new Error('it would not be the same after it was saved and read back')
}

function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return ['string', 'boolean', 'object'].includes(typeof value)
  if (Array.isArray(value)) return value.every(isJson)
  return [Object.prototype, null].includes(Object.getPrototypeOf(value)) && Object.values(value).every(isJson)
}

/**
 * A plug-in's state as it is saved: a JSON value of its own, so that nothing changes under whoever writes it.
 * @throws {PluginError} when `apply` has put something into it that JSON has not: a server that went on without saving it
 * would decide differently after its next start
 */
export function copyState({ file }: Plugin, state: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(state ?? null))
  } catch (error) {
    throw new PluginError(
      `${file}: the state cannot be saved: ${firstLine(error)}; correct what apply puts there, on all servers`,
    )
  }
}

/**
 * What a plug-in's function returned. It must not be a promise, and nobody waits for one; but one that is rejected and
 * that nobody looks at would end the server.
 */
export function returned<T>(value: T): T {
  if (value instanceof Promise) value.catch(() => {})
  return value
}
