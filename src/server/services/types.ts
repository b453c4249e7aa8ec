/** What callers of the services need to know, from their definitions; only types, so importing it costs nothing. */
import type { InputOf, Schema, Typed } from '../../protocol/service.ts'
import type { ALIASES, SERVICES } from './index.ts'

type Flat<T> = { [K in keyof T]: T[K] }
type TypesOf<S> =
  S extends Typed<string, infer Sch extends Schema, infer Reply>
    ? { request: InputOf<Sch>; reply: Flat<Reply & { timestamp: number; clock: number }> }
    : never

/**
 * By name, what each service that comes with Compasso takes, and the data of its reply when it succeeds. (A reply that says
 * otherwise has `status: 'erro'`: protocol/errors.ts.)
 */
export type ServiceTypes = {
  [S in (typeof SERVICES)[number] as S['name']]: TypesOf<S>
} & { [Alias in keyof typeof ALIASES]: TypesOf<(typeof ALIASES)[Alias]> }
