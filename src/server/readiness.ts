/** Keeps the brokers connected exactly while this server can answer, and tells the health server. */
import type { Replica } from '../core/replica.ts'
import type { RoleContext } from '../platform/role.ts'
import { stateOf } from './status.ts'
import type { Workers } from './workers.ts'

/** Between two updates of the details while nothing else changes. */
const UPDATE_MS = 500

export type Readiness = {
  /** To be called after every step. */
  look(): void
}

export function createReadiness(replica: Replica, workers: Workers, setHealth: RoleContext['setHealth']): Readiness {
  let told = ''
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    look() {
      // Installed once and not left out since: while a view changes, requests are still taken and wait.
      const member = replica.own !== null && replica.origin !== null
      if (member && !workers.connected) workers.connect()
      if (!member && workers.connected) void workers.disconnect()
      const ready = replica.active && workers.connected
      const state = stateOf(replica)
      if (`${ready} ${state}` === told && replica.now - toldAt < UPDATE_MS) return
      told = `${ready} ${state}`
      toldAt = replica.now
      const { rank, origin, known, position, clock } = replica
      setHealth(ready, { rank, origin, state, view: known?.number ?? null, position, clock })
    },
  }
}
