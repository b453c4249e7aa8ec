/** The simulated `ref`: the real decisions, on a disk that survives its restarts unless the weather takes it. */
import { type RefEffect, type RefInput, refStep } from '../src/core/ref.ts'
import { createRefState, type Persisted, type RefState } from '../src/core/ref_state.ts'
import type { Instance, Rank, Report, View } from '../src/protocol/replica.ts'
import { carry } from './network.ts'
import { type Cluster, feed, type SimServer } from './server.ts'
import { note, type World } from './world.ts'

export type SimRef = {
  state: RefState | null
  persisted: Persisted | null
  heartbeat(server: SimServer, report: Report, answer: (view: View | null) => void): void
  leave(instance: Instance): void
  /** What an operator asks for; false when it was refused or ref is down. */
  forget(rank: Rank): boolean
  start(): void
  kill(): void
}

const TICK_MS = 100

export function createRef(world: World, configured: number, cluster: () => Cluster): SimRef {
  let life = 0
  const run = (input: RefInput): RefEffect[] => {
    if (ref.state === null) return []
    const effects = refStep(ref.state, world.schedule.now, world.random.text(), input)
    for (const effect of effects) {
      if (effect.type === 'persist') ref.persisted = structuredClone(effect.state)
      if (effect.type === 'log') note(world, 'ref', `${effect.text} ${JSON.stringify(effect.fields)}`)
      if (effect.type === 'push') push(effect.view, effect.to)
    }
    return effects
  }
  const push = (view: View, to: Instance[]): void => {
    cluster().check.issued(view)
    for (const server of cluster().servers) {
      const { replica } = server
      if (replica === null || !to.includes(replica.instance)) continue
      carry(world, 'ref', server.name, 'direct', () => feed(cluster(), server, { type: 'view', view }))
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
    leave: (instance) => void run({ type: 'leave', instance }),
    forget: (rank) => run({ type: 'forget', rank }).some((effect) => effect.type === 'reply'),
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
