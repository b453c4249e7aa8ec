/** The services as JSON-RPC methods: the parameters that each takes, in order, from its schema. */
import { z } from 'zod'
import { type Data, isMap } from '../protocol/envelope.ts'
import { quote } from '../protocol/errors.ts'
import type { Schema } from '../protocol/service.ts'
import type { Params } from './json-rpc.ts'

export type JsonSchema = Record<string, unknown>
export type Parameter = { name: string; required: boolean; schema: JsonSchema }
export type Method = { name: string; summary: string; parameters: readonly Parameter[] }
/** By name. */
export type Methods = ReadonlyMap<string, Method>

/** Makes methods of services. One whose schema is none of zod's takes whatever it takes, by name only. */
export function createMethods(services: ReadonlyMap<string, { summary: string; schema: Schema }>): Methods {
  const names = [...services.keys()].sort()
  return new Map(
    names.map((name) => {
      const { summary, schema } = services.get(name)!
      return [name, { name, summary, parameters: parametersOf(schema) }]
    }),
  )
}

function parametersOf(schema: Schema): Parameter[] {
  if (!(schema instanceof z.ZodType)) return []
  // What is sent, not what is made of it; what JSON Schema has no words for is anything.
  const options = { io: 'input', target: 'draft-7', unrepresentable: 'any' } as const
  const { properties, required } = z.toJSONSchema(schema, options)
  const parameters = Object.entries(properties ?? {}).map(([name, one]) => ({
    ...{ name, required: required?.includes(name) ?? false },
    schema: isMap(one) ? one : {},
  }))
  // What may be left out comes last: by position nothing else would do. Otherwise the order of the schema stays.
  return parameters.sort((a, b) => Number(b.required) - Number(a.required))
}

/**
 * The data of a request: parameters by name as they are, by position under the names of the schema's fields.
 * @returns the data, or what is wrong with the parameters
 */
export function dataOf(methods: Methods, name: string, params: Params | undefined): { data: Data } | { wrong: string } {
  if (params === undefined) return { data: {} }
  if (!Array.isArray(params)) return { data: params }
  const names = namesInOrder(methods.get(name))
  if (params.length > names.length) return { wrong: tooMany(methods, name, params.length) }
  return { data: Object.fromEntries(params.map((value, index) => [names[index]!, value])) }
}

/** Other names of a field, for old clients, have no place of their own. */
const namesInOrder = (method: Method | undefined): string[] =>
  (method?.parameters ?? []).filter(({ schema }) => schema.deprecated !== true).map(({ name }) => name)

function tooMany(methods: Methods, name: string, given: number): string {
  const method = methods.get(name)
  if (method === undefined) return `the parameters of ${quote(name)} are not known here: give them by name`
  const names = namesInOrder(method).join(', ')
  const takes = names === '' ? 'takes no parameters by position' : `takes ${names}`
  return `${name} ${takes}; got ${given}`
}
