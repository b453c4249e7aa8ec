/** What a kind of fault is. */
import type { Hostile } from '../test/e2e/support/hostile/hostile.ts'
import type { Tool } from '../test/e2e/support/hostile/tools.ts'
import type { Chance } from './chance.ts'

export type Fault = {
  kind: string
  /** What it is made with. */
  tools: readonly Tool[]
  /** Whom it strikes: one server of a minority; ref, broker or proxy; or all servers at once. */
  scope: 'server' | 'infrastructure' | 'all'
  /** It takes content off a disk: before and after it everything must be whole, and nothing else strikes meanwhile. */
  alone?: true
  /**
   * Breaks something, lets some time pass, mends it.
   * @param target a process; of scope `all` any of them
   * @returns the particulars, and whether it really took effect
   */
  strike(hostile: Hostile, target: string, chance: Chance): Promise<Struck>
}

export type Struck = { what: string; fired: boolean }

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
