/** The clocks of simulated machines, which outlive their servers' processes, and what a server makes of its own. */
import { syncedAt } from '../src/core/physical.ts'
import type { Timekeeper, TimekeepingInput } from '../src/core/timekeeper.ts'
import type { Instance } from '../src/protocol/replica.ts'
import type { SimServer } from './server.ts'
import type { World } from './world.ts'

/** The time of day when a simulation begins. */
export const EPOCH_MS = 1.7e12

export type Machine = {
  /** True ms to monotonic ms. */
  rate: number
  /** What is made wrong on purpose. */
  skewMs: number
  driftPpm: number
  /** How far somebody has set the wall clock off, ms. */
  set: number
  lies: boolean
}

/** A server's timekeeper in one life of its process. */
export type Running = {
  server: SimServer
  machine: Machine
  keeper: Timekeeper
  instance: Instance
  inbox: TimekeepingInput[]
}

export const monotonic = (world: World, machine: Machine): number => world.schedule.now * machine.rate

export const wallOf = (world: World, server: SimServer, machine: Machine): number =>
  Math.floor(EPOCH_MS + monotonic(world, machine) + machine.set + server.offset)

export const shownBy = (world: World, { keeper, machine }: Running): number =>
  syncedAt(keeper.clock, monotonic(world, machine))
