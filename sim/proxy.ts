/** The simulated proxy and its subscribers: what was published, and what of it was heard. */
import { carry } from './network.ts'
import type { SimServer } from './server.ts'
import { note, type World } from './world.ts'

export type SimProxy = {
  /** Ids of publications that some subscriber heard. */
  readonly heard: ReadonlySet<string>
  publish(server: SimServer, id: string): void
  start(): void
  kill(): void
}

export function createProxy(world: World): SimProxy {
  const heard = new Set<string>()
  let up = true
  return {
    heard,
    publish(server, id) {
      carry(world, server.name, 'proxy', 'topic', () => {
        if (up) carry(world, 'proxy', 'reader', 'topic', () => heard.add(id))
      })
    },
    start() {
      up = true
    },
    kill() {
      up = false
      note(world, 'proxy', 'is killed')
    },
  }
}
