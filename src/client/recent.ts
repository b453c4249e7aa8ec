/** A bounded memory of ids: whether one was seen lately. Two generations; when the newer is full, the older is forgotten. */
export function createRecent(capacity: number): { seen(id: string): boolean } {
  let older = new Set<string>()
  let newer = new Set<string>()
  return {
    /** Remembers an id. @returns whether it was already there: at least the last `capacity` ids are */
    seen(id) {
      if (newer.has(id) || older.has(id)) return true
      newer.add(id)
      if (newer.size === capacity) {
        older = newer
        newer = new Set()
      }
      return false
    },
  }
}
