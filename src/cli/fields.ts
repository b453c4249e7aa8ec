/**
 * From words on a command line to the data of a request: a service's schema tells its fields in their order, and what
 * each takes.
 */
import { z } from 'zod'
import type { Data } from '../protocol/envelope.ts'
import type { Schema, Service } from '../protocol/service.ts'
import { createApplication } from '../server/services/index.ts'
import { EXIT, Failure } from './failure.ts'

export type Field = {
  name: string
  /** JSON types that it takes; none when it takes anything. */
  types: ReadonlySet<string>
  /** The same of the items of a list. */
  itemTypes: ReadonlySet<string>
  required: boolean
  /** Another name of a field, for old clients: understood, but neither shown nor counted. */
  alias: boolean
  description: string
}
export type KnownService = { name: string; summary: string; schema: Schema; fields: readonly Field[] }

const services: ReadonlyMap<string, Service<never>> = createApplication().services

/** Every service that comes with Compasso, by the names it is called by. */
export const serviceNames = (): string[] => [...services.keys()]

/** What is known of a service, or null when it is somebody else's (a worker behind BROKER_ROUTES, a plug-in). */
export function knownService(name: string): KnownService | null {
  const service = services.get(name)
  if (service === undefined) return null
  return {
    name,
    summary: 'summary' in service ? String(service.summary) : '',
    schema: service.schema,
    fields: fieldsOf(service.schema),
  }
}

type JsonSchema = {
  type?: string | string[]
  anyOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: string[]
  description?: string
  deprecated?: boolean
}

/** The fields of a request in the order of its schema. */
export function fieldsOf(schema: Schema): Field[] {
  const options = { io: 'input', unrepresentable: 'any' } as const
  const { properties = {}, required = [] } = z.toJSONSchema(schema as unknown as z.ZodType, options) as JsonSchema
  return Object.entries(properties).map(([name, one]) => ({
    name,
    types: typesOf(one),
    itemTypes: new Set(variants(one).flatMap(({ items }) => (items === undefined ? [] : [...typesOf(items)]))),
    required: required.includes(name),
    alias: one.deprecated === true,
    description: one.description ?? '',
  }))
}

const variants = (schema: JsonSchema): JsonSchema[] => [schema, ...(schema.anyOf ?? []).flatMap(variants)]
const typesOf = (schema: JsonSchema): Set<string> => new Set(variants(schema).flatMap(({ type }) => type ?? []))

/** Those that words are given to in order. */
export const inOrder = (fields: readonly Field[]): Field[] => fields.filter(({ alias }) => !alias)

/** `user channel [limit]`: as the usage of a command. */
export function usageOf({ fields }: KnownService): string {
  return inOrder(fields)
    .map(({ name, required }) => (required ? `<${name}>` : `[${name}]`))
    .join(' ')
}

const NAMED = /^([A-Za-z_][\w.-]*)=(.*)$/s

/**
 * `field=value` is that field; other words are the fields in their order, and a list takes all that are left.
 * @param service null when its fields are not known: then there is no order, and JSON is JSON and the rest text
 * @throws {Failure} when there are more words than fields
 */
export function readWords(service: KnownService | null, words: readonly string[]): Data {
  const data: Data = {}
  const rest: string[] = []
  for (const word of words) {
    const [, name, text] = NAMED.exec(word) ?? []
    if (name === undefined || text === undefined) rest.push(word)
    else data[name] = readValue(service?.fields.find((field) => field.name === name) ?? null, text)
  }
  const fields = inOrder(service?.fields ?? []).filter(({ name }) => !(name in data))
  if (service === null && rest.length > 0)
    throw new Failure('the fields of this service are not known here — give each as field=value', EXIT.usage)
  for (const field of fields) {
    if (rest.length === 0) break
    const takesAll = field.types.has('array') && rest.length > 1
    data[field.name] = takesAll
      ? rest.splice(0).map((one) => readScalar(field.itemTypes, one))
      : readValue(field, rest.shift()!)
  }
  if (rest.length > 0) throw new Failure(tooMany(service!, rest[0]!), EXIT.usage)
  return data
}

const tooMany = (service: KnownService, word: string): string =>
  service.fields.length === 0
    ? `${service.name} takes no values, got ${JSON.stringify(word)}`
    : `${service.name} takes ${usageOf(service)}, and ${JSON.stringify(word)} is one too many`

/** A value as its field takes it; what does not fit stays text, and the schema says what is wrong. */
export function readValue(field: Field | null, text: string): unknown {
  if (field === null) return readJson(text) ?? text
  if (field.types.has('array')) {
    const list = readJson(text)
    if (Array.isArray(list)) return list
    return text === '' ? [] : text.split(separatorOf(field)).map((one) => readScalar(field.itemTypes, one.trim()))
  }
  if (field.types.has('object')) return readJson(text) ?? text
  return readScalar(field.types, text)
}

/** Numbers may have spaces between them as well. */
const separatorOf = ({ itemTypes }: Field): RegExp => (itemTypes.has('number') ? /[\s,]+/ : /,/)

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i

function readScalar(types: ReadonlySet<string>, text: string): unknown {
  if ((types.has('number') || types.has('integer')) && NUMBER.test(text)) return Number(text)
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** @returns undefined when it is no JSON, or null */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}
