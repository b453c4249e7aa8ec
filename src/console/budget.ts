/** So much of something, shared by all requests. */
export type Budget = {
  readonly used: number
  /** @returns whether there was so much left; then it is used now */
  take(amount: number): boolean
  give(amount: number): void
}

export function createBudget(most: number): Budget {
  let used = 0
  return {
    get used() {
      return used
    },
    take(amount) {
      if (used + amount > most) return false
      used += amount
      return true
    },
    give(amount) {
      used -= amount
    },
  }
}
