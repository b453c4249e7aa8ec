/**
 * R9, the window: which ids were ordered in the last `capacity` positions, and with what outcome.
 *
 * Problem: a retry must have one effect, so every id has to be remembered; a Set of strings for a million of them
 * costs over 100 MB and most of the time of ordering an event. Idea: 64 bits stand for an id. A ring by position says
 * which id leaves the window next; an open-addressing table finds an id in the ring. 17 MB for a million.
 * Limit: two ids with the same 64 bits are taken for one (odds 1 in 10^13 a position), on every server alike.
 */
import { ERROR_CODES, type ErrorCode } from '../protocol/errors.ts'
import { type Hash, hashText } from './hash.ts'

export const WINDOW_POSITIONS = 1_000_000

/**
 * Outcomes are kept in a byte: 0 nothing here, 1 success, 2 + index in ERROR_CODES a refusal; with 128 added one that was
 * recorded by itself (R10), instead of which an event of the id counts.
 */
export const NO_OUTCOME = 0
export const SUCCESS = 1
const RECORDED = 128

export const refusalOutcome = (code: ErrorCode): number => 2 + ERROR_CODES.indexOf(code)
export const recorded = (outcome: number): number => outcome | RECORDED
export const isRecorded = (outcome: number): boolean => outcome >= RECORDED

/** The error code of a refusal's outcome, recorded or not; null for the others. */
export const codeOf = (outcome: number): ErrorCode | null => ERROR_CODES[(outcome & ~RECORDED) - 2] ?? null

export type Window = {
  capacity: number
  hi: Uint32Array
  lo: Uint32Array
  outcome: Uint8Array
  /** Ring slot + 1, or 0. Twice as many places as the ring, at least. */
  table: Int32Array
  mask: number
  scratch: Hash
}

export function createWindow(capacity: number = WINDOW_POSITIONS): Window {
  const size = 2 ** Math.ceil(Math.log2(capacity * 2))
  return {
    capacity,
    hi: new Uint32Array(capacity),
    lo: new Uint32Array(capacity),
    outcome: new Uint8Array(capacity),
    table: new Int32Array(size),
    mask: size - 1,
    scratch: { hi: 0, lo: 0 },
  }
}

/** The outcome of an id, or NO_OUTCOME. Leaves the id's hash in `scratch`. */
export function findId(window: Window, id: string): number {
  hashText(id, window.scratch)
  const slot = slotOf(window)
  return slot < 0 ? NO_OUTCOME : window.outcome[slot]!
}

/** The ring slot of the hash in `scratch`, or -1. */
function slotOf(window: Window): number {
  const { hi, lo } = window.scratch
  for (let at = lo & window.mask; ; at = (at + 1) & window.mask) {
    const slot = window.table[at]! - 1
    if (slot < 0 || (window.lo[slot] === lo && window.hi[slot] === hi)) return slot
  }
}

/** Forgets the id of the last `findId`, which was found: another outcome takes its place. */
export function forgetId(window: Window): void {
  const slot = slotOf(window)
  remove(window, slot)
  window.outcome[slot] = NO_OUTCOME
}

/**
 * Puts what an event stands for into the window. Positions may come in any order, as long as none has left the window:
 * an event counts instead of a recorded refusal of its id, whichever comes first here.
 */
export function rememberId(window: Window, id: string, position: number, outcome: number): void {
  const known = findId(window, id)
  const isLess = isRecorded(outcome) && known !== NO_OUTCOME
  if (isRecorded(known) && outcome !== NO_OUTCOME && !isLess) forgetId(window)
  advance(window, position, isLess ? NO_OUTCOME : outcome)
}

/**
 * Moves the window on to a position, which takes the hash in `scratch` (of the last `findId`) with an outcome, or with
 * NO_OUTCOME takes none.
 */
export function advance(window: Window, position: number, outcome: number): void {
  const slot = position % window.capacity
  if (window.outcome[slot] !== NO_OUTCOME) remove(window, slot)
  window.outcome[slot] = outcome
  if (outcome === NO_OUTCOME) return
  const { hi, lo } = window.scratch
  window.hi[slot] = hi
  window.lo[slot] = lo
  let at = lo & window.mask
  while (window.table[at] !== 0) at = (at + 1) & window.mask
  window.table[at] = slot + 1
}

function remove(window: Window, slot: number): void {
  const { table, mask, lo } = window
  let hole = lo[slot]! & mask
  while (table[hole] !== slot + 1) hole = (hole + 1) & mask
  // Close the gap (Knuth 6.4, algorithm R): move back what could not be found over a hole.
  for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
    const home = lo[table[at]! - 1]! & mask
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      table[hole] = table[at]!
      hole = at
    }
  }
  table[hole] = 0
}
