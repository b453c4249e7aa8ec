/**
 * Services that refuse at random. The core believes a refusal as it believes a body, so whatever it is told, no refused
 * request may have its effect and no other be lost: this brings refusals and events of one id together in every weather.
 */
import { refuse } from '../src/protocol/errors.ts'
import type { Application, Service } from '../src/protocol/service.ts'
import type { World } from './world.ts'

/** One that answers when it is durable, and one that answers when it is ordered. */
export const MOODY_SERVICES: readonly string[] = ['publish', 'channel']

export function withMoods<State>(app: Application<State>, { random, weather }: World): Application<State> {
  if (weather.moods === 0) return app
  const moody = (service: Service<State>): Service<State> => {
    if (!('log' in service)) return service
    const refusal = refuse('internal', 'not in the mood')
    return {
      ...service,
      prepare: (...given) => (random.chance(weather.moods) ? { refusal } : service.prepare(...given)),
    }
  }
  const services = [...app.services].map(([name, service]): [string, Service<State>] => [
    name,
    MOODY_SERVICES.includes(name) ? moody(service) : service,
  ])
  return { ...app, services: new Map(services) }
}
