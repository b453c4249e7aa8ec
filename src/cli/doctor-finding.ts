/** What the doctor found. */

export type State = 'ok' | 'warning' | 'wrong'
export type Finding = {
  check: string
  state: State
  found: string
  /** What to do about it; empty when there is nothing to do. */
  next: string
}

export const fine = (check: string, found: string): Finding => ({ check, state: 'ok', found, next: '' })
export const warning = (check: string, found: string, next: string): Finding => ({
  check,
  state: 'warning',
  found,
  next,
})
export const wrong = (check: string, found: string, next: string): Finding => ({ check, state: 'wrong', found, next })
