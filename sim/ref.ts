/** The simulated `ref`: the real decisions, on a disk that survives its restarts. */
import { refStep } from '../src/core/ref.ts'
import { createRefState, type Persisted, type RefState } from '../src/core/ref_state.ts'
import type { Report, View } from '../src/protocol/replica.ts'
import { type Cluster, feed, type SimServer } from './server.ts'
import { carry, note, type World } from './world.ts'

export type SimRef = {
  state: RefState | null
  persisted: Persisted | null
  heartbeat(server: SimServer, report: Report, answer: (view: View | null) => void): void
  start(): void
  kill(): void
}

const TICK_MS = 100

export function createRef(world: World, configured: number, cluster: () => Cluster): SimRef {
  let life = 0
  const run = (input: Parameters<typeof refStep>[3]): void => {
    if (ref.state === null) return
    for (const effect of refStep(ref.state, world.schedule.now, world.random.text(), input)) {
      if (effect.type === 'persist') ref.persisted = structuredClone(effect.state)
      if (effect.type === 'log') note(world, 'ref', `${effect.text} ${JSON.stringify(effect.fields)}`)
      if (effect.type !== 'push') continue
      const { view, to } = effect
      for (const server of cluster().servers) {
        const { replica } = server
        if (replica === null || !to.includes(replica.instance)) continue
        carry(world, 'ref', server.name, 'direct', () => feed(cluster(), server, { type: 'view', view }))
      }
    }
  }
  const ref: SimRef = {
    state: null,
    persisted: null,
    heartbeat(server, report, answer) {
      if (ref.state === null) return
      run({ type: 'heartbeat', name: server.name, endpoint: { peer: '', pub: '' }, report })
      answer(ref.state.view)
    },
    start() {
      if (ref.state !== null) return
      ref.state = createRefState(structuredClone(ref.persisted), configured, world.schedule.now)
      const mine = ++life
      const tick = (): void => {
        if (life !== mine) return
        run({ type: 'tick' })
        world.schedule.after(TICK_MS, tick)
      }
      tick()
    },
    kill() {
      life++
      ref.state = null
      note(world, 'ref', 'is killed')
    },
  }
  return ref
}
